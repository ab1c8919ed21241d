import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Records of 1.5 MB, one by one, and then a Fetch that waits for 50 MB of them: Large BOOTSTRAP. */
public class Large {
  static final int RECORDS = 36;
  static final int BYTES = 1_500_000;
  static final String FETCHED = "52000000";

  public static void main(String[] args) throws Exception {
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"))) {
      admin.createTopics(List.of(new NewTopic("matrix", 1, (short) 1))).all().get();
    }
    var writes = Clients.config(args[0], "writer", "max.request.size", "3000000", "linger.ms", "0");
    try (var producer = new KafkaProducer<>(writes, new ByteArraySerializer(), new ByteArraySerializer())) {
      byte[] value = new byte[BYTES];
      for (int i = 0; i < RECORDS; i++) {
        ThreadLocalRandom.current().nextBytes(value);
        producer.send(new ProducerRecord<>("matrix", value)).get();
      }
    }
    int consumed = 0;
    var reads = Clients.config(args[0], "reader", "group.id", "group-large", "auto.offset.reset", "earliest", "fetch.min.bytes", FETCHED, "fetch.max.bytes", "56000000", "max.partition.fetch.bytes", "56000000", "fetch.max.wait.ms", "3000");
    try (var consumer = new KafkaConsumer<>(reads, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of("matrix"));
      long end = System.currentTimeMillis() + 30_000;
      while (consumed < RECORDS && System.currentTimeMillis() < end) consumed += consumer.poll(Duration.ofMillis(500)).count();
      double largest = Metrics.largest(consumer.metrics(), "fetch-size-max");
      if (largest < Double.parseDouble(FETCHED)) throw new IllegalStateException("the largest Fetch had " + largest + " bytes only");
    }
    Clients.report(RECORDS, consumed);
  }
}
