import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Even traffic that goes on whatever becomes of the brokers: Steady BOOTSTRAP REPLICATION SECONDS. */
public class Steady {
  public static void main(String[] args) throws Exception {
    int produced = 0;
    int consumed = 0;
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"))) {
      var topic = new NewTopic("matrix", 4, Short.parseShort(args[1])).configs(Map.of("min.insync.replicas", "1"));
      admin.createTopics(List.of(topic)).all().get();
    }
    try (var producer = Clients.producer(args[0], "writer", "compression.type", "lz4");
        var classic = Clients.member(args[0], "classic", "matrix");
        var consumer = Clients.member(args[0], "consumer", "matrix")) {
      long end = System.currentTimeMillis() + 1000 * Integer.parseInt(args[2]);
      while (System.currentTimeMillis() < end) {
        for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>("matrix", "key-" + produced++, "value"));
        consumed += classic.poll(Duration.ofMillis(60)).count() + consumer.poll(Duration.ofMillis(60)).count();
      }
      producer.flush();
      end += 8_000;
      while (consumed < produced && System.currentTimeMillis() < end) consumed += classic.poll(Duration.ofMillis(200)).count();
    }
    Clients.report(produced, consumed);
  }
}
