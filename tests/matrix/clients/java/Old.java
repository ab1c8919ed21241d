import java.util.Collections;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** What clients from 0.9 to 3.9 have in common: Old BOOTSTRAP CODEC... */
public class Old {
  static final int RECORDS = 40;
  static final String TOPIC = "matrix";
  static String bootstrap;
  static int produced;

  static void produce(String codec, String acks) {
    try (KafkaProducer<String, String> producer = Clients.producer(bootstrap, "writer-" + codec + "-" + acks, "compression.type", codec, "acks", acks)) {
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
    try (KafkaConsumer<String, String> consumer = Clients.consumer(bootstrap, "reader", "group.id", "group", "enable.auto.commit", "false")) {
      consumer.subscribe(Collections.singletonList(TOPIC));
      long end = System.currentTimeMillis() + 20_000;
      while (seen < produced && System.currentTimeMillis() < end) {
        seen += consumer.poll(200).count();
        consumer.commitSync();
      }
      consumer.poll(700);
    }
    Clients.report(produced, seen);
  }
}
