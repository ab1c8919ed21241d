import java.time.Duration;
import java.util.List;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;

/** A request for each record, as fast as they go, and all are read: Flood BOOTSTRAP TOPIC RECORDS BYTES. */
public class Flood {
  public static void main(String[] args) throws Exception {
    int records = Integer.parseInt(args[2]);
    int consumed = 0;
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"))) {
      admin.createTopics(List.of(new NewTopic(args[1], 1, (short) 1))).all().get();
    }
    try (var producer = Clients.producer(args[0], "writer", "batch.size", "1", "linger.ms", "0");
        var consumer = Clients.consumer(args[0], "reader", "group.id", "group-" + args[1])) {
      consumer.subscribe(List.of(args[1]));
      String value = "v".repeat(Integer.parseInt(args[3]));
      for (int i = 0; i < records; i++) {
        producer.send(new ProducerRecord<>(args[1], "key-" + i, value));
        if (i % 100 == 0) consumed += consumer.poll(Duration.ZERO).count();
      }
      producer.flush();
      long end = System.currentTimeMillis() + 30_000;
      while (consumed < records && System.currentTimeMillis() < end) consumed += consumer.poll(Duration.ofMillis(200)).count();
      consumer.commitSync();
    }
    Clients.report(records, consumed);
  }
}
