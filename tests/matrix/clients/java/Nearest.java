import java.time.Duration;
import java.util.List;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;

/** A consumer in each rack reads from the replica that is there (KIP-392): Nearest BOOTSTRAP. */
public class Nearest {
  public static void main(String[] args) throws Exception {
    int produced = 0;
    int first = 0;
    int second = 0;
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"))) {
      admin.createTopics(List.of(new NewTopic("matrix", 2, (short) 2))).all().get();
    }
    try (var producer = Clients.producer(args[0], "writer", "acks", "all");
        var one = Clients.consumer(args[0], "reader-1", "group.id", "group-1", "client.rack", "rack-1");
        var two = Clients.consumer(args[0], "reader-2", "group.id", "group-2", "client.rack", "rack-2")) {
      one.subscribe(List.of("matrix"));
      two.subscribe(List.of("matrix"));
      long end = System.currentTimeMillis() + 8_000;
      while (System.currentTimeMillis() < end) {
        producer.send(new ProducerRecord<>("matrix", "key-" + produced++, "value"));
        first += one.poll(Duration.ofMillis(50)).count();
        second += two.poll(Duration.ofMillis(50)).count();
      }
      producer.flush();
      end += 10_000;
      while (Math.min(first, second) < produced && System.currentTimeMillis() < end) {
        first += one.poll(Duration.ofMillis(100)).count();
        second += two.poll(Duration.ofMillis(100)).count();
      }
    }
    Clients.report(produced, Math.min(first, second));
  }
}
