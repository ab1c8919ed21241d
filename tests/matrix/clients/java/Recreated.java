import java.time.Duration;
import java.util.List;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;

/** A topic that is deleted and created again under a producer and two consumers that stay: Recreated BOOTSTRAP. */
public class Recreated {
  public static void main(String[] args) throws Exception {
    int produced = 0;
    int consumed = 0;
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"));
        var producer = Clients.producer(args[0], "writer", "metadata.max.age.ms", "1000", "delivery.timeout.ms", "5000", "request.timeout.ms", "2000", "linger.ms", "0");
        var classic = Clients.member(args[0], "classic", "matrix");
        var consumer = Clients.member(args[0], "consumer", "matrix")) {
      for (int life = 0; life < 2; life++) {
        admin.createTopics(List.of(new NewTopic("matrix", 2, (short) 1))).all().get();
        long end = System.currentTimeMillis() + 6_000;
        while (System.currentTimeMillis() < end) {
          producer.send(new ProducerRecord<>("matrix", "key-" + produced++, "value"));
          consumed += classic.poll(Duration.ofMillis(100)).count() + consumer.poll(Duration.ofMillis(100)).count();
        }
        admin.deleteTopics(List.of("matrix")).all().get();
        Thread.sleep(1_500);
      }
    }
    Clients.report(produced, consumed);
  }
}
