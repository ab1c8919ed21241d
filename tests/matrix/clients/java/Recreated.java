import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A topic that is deleted and created again under a producer and two consumers that stay: Recreated BOOTSTRAP. */
public class Recreated {
  static Properties config(String bootstrap, String clientId, String... more) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("client.id", clientId);
    config.put("metadata.max.age.ms", "1000");
    for (int i = 0; i < more.length; i += 2) config.put(more[i], more[i + 1]);
    return config;
  }

  static KafkaConsumer<String, String> consumer(String bootstrap, String protocol) {
    var config = config(bootstrap, "reader-" + protocol, "group.id", "group-" + protocol, "group.protocol", protocol, "auto.offset.reset", "earliest", "auto.commit.interval.ms", "500");
    var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of("matrix"));
    return consumer;
  }

  public static void main(String[] args) throws Exception {
    int produced = 0;
    int consumed = 0;
    try (Admin admin = Admin.create(config(args[0], "admin"));
        var producer = new KafkaProducer<>(config(args[0], "writer", "delivery.timeout.ms", "5000", "request.timeout.ms", "2000", "linger.ms", "0"), new StringSerializer(), new StringSerializer());
        var classic = consumer(args[0], "classic");
        var consumer = consumer(args[0], "consumer")) {
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
    System.out.println("{\"produced\": " + produced + ", \"consumed\": " + consumed + "}");
    Runtime.getRuntime().halt(0);
  }
}
