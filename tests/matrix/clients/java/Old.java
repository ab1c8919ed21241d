import java.util.Collections;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What clients from 0.9 to 3.9 have in common: Old BOOTSTRAP CODEC... */
public class Old {
  static final int RECORDS = 40;
  static final String TOPIC = "matrix";
  static String bootstrap;
  static int produced;

  static Properties config(String clientId, String... more) {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("client.id", clientId);
    for (int i = 0; i < more.length; i += 2) config.put(more[i], more[i + 1]);
    return config;
  }

  static void produce(String codec, String acks) {
    Properties config = config("writer-" + codec + "-" + acks, "compression.type", codec, "acks", acks);
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < RECORDS; i++) producer.send(new ProducerRecord<>(TOPIC, "key-" + i, i % 9 == 8 ? null : "value " + i + new String(new char[80]).replace('\0', ' ')));
      producer.flush();
      produced += RECORDS;
    }
  }

  @SuppressWarnings("deprecation")
  public static void main(String[] args) {
    bootstrap = args[0];
    for (int i = 1; i < args.length; i++) produce(args[i], "all");
    produce("none", "0");
    produce("none", "1");
    int seen = 0;
    Properties config = config("reader", "group.id", "group", "auto.offset.reset", "earliest", "enable.auto.commit", "false");
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(Collections.singletonList(TOPIC));
      long end = System.currentTimeMillis() + 20_000;
      while (seen < produced && System.currentTimeMillis() < end) {
        seen += consumer.poll(200).count();
        consumer.commitSync();
      }
      consumer.poll(700);
    }
    System.out.println("{\"produced\": " + produced + ", \"consumed\": " + seen + "}");
    System.exit(0);
  }
}
