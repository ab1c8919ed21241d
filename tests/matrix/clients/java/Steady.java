import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Even traffic that goes on whatever becomes of the brokers: Steady BOOTSTRAP REPLICATION SECONDS. */
public class Steady {
  static Properties config(String bootstrap, String clientId, String... more) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("client.id", clientId);
    for (int i = 0; i < more.length; i += 2) config.put(more[i], more[i + 1]);
    return config;
  }

  static KafkaConsumer<String, String> consumer(String bootstrap, String protocol) {
    var config = config(bootstrap, "reader-" + protocol, "group.id", "group-" + protocol, "group.protocol", protocol, "auto.offset.reset", "earliest", "auto.commit.interval.ms", "1000");
    var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of("matrix"));
    return consumer;
  }

  public static void main(String[] args) throws Exception {
    int produced = 0;
    int consumed = 0;
    try (Admin admin = Admin.create(config(args[0], "admin"))) {
      var topic = new NewTopic("matrix", 4, Short.parseShort(args[1])).configs(Map.of("min.insync.replicas", "1"));
      admin.createTopics(List.of(topic)).all().get();
    }
    try (var producer = new KafkaProducer<>(config(args[0], "writer", "compression.type", "lz4"), new StringSerializer(), new StringSerializer());
        var classic = consumer(args[0], "classic");
        var consumer = consumer(args[0], "consumer")) {
      long end = System.currentTimeMillis() + 1000 * Integer.parseInt(args[2]);
      while (System.currentTimeMillis() < end) {
        for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>("matrix", "key-" + produced++, "value"));
        consumed += classic.poll(Duration.ofMillis(60)).count() + consumer.poll(Duration.ofMillis(60)).count();
      }
      producer.flush();
      end += 8_000;
      while (consumed < produced && System.currentTimeMillis() < end) consumed += classic.poll(Duration.ofMillis(200)).count();
    }
    System.out.println("{\"produced\": " + produced + ", \"consumed\": " + consumed + "}");
    Runtime.getRuntime().halt(0);
  }
}
