import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What the programs of this folder have in common. */
final class Clients {
  private Clients() {}

  /** More settings come as name and value in turn. */
  static Properties config(String bootstrap, String clientId, String... more) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("client.id", clientId);
    for (int i = 0; i < more.length; i += 2) config.put(more[i], more[i + 1]);
    return config;
  }

  static KafkaProducer<String, String> producer(String bootstrap, String clientId, String... more) {
    return new KafkaProducer<>(config(bootstrap, clientId, more), new StringSerializer(), new StringSerializer());
  }

  /** Reads from the beginning. */
  static KafkaConsumer<String, String> consumer(String bootstrap, String clientId, String... more) {
    Properties config = config(bootstrap, clientId, more);
    config.put("auto.offset.reset", "earliest");
    return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
  }

  /** Reads {@code topic} in a group that has its protocol's name. */
  static KafkaConsumer<String, String> member(String bootstrap, String protocol, String topic) {
    var member = consumer(bootstrap, "reader-" + protocol, "group.id", "group-" + protocol, "group.protocol", protocol, "auto.commit.interval.ms", "500", "metadata.max.age.ms", "1000");
    member.subscribe(List.of(topic));
    return member;
  }

  /** The last line that each program prints. */
  static void report(int produced, int consumed) {
    System.out.println("{\"produced\": " + produced + ", \"consumed\": " + consumed + "}");
    Runtime.getRuntime().halt(0);
  }
}
