import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.Stores;

/** Counts words with a repartition and a changelog topic, in two threads with warm standbys: Streams BOOTSTRAP PROTOCOL GUARANTEE. */
public class Streams {
  static final int LINES = 40;

  static KafkaStreams application(String bootstrap, String protocol, String guarantee, String instance) throws Exception {
    StreamsBuilder builder = new StreamsBuilder();
    builder.<String, String>stream("lines")
        .flatMapValues(line -> Arrays.asList(line.split(" ")))
        .groupBy((key, word) -> word)
        .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("words")).withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
        .toStream()
        .mapValues(String::valueOf)
        .to("counts");
    Properties config = Clients.config(bootstrap, "words-" + instance, "processing.guarantee", guarantee);
    config.put("application.id", "words-" + protocol);
    config.put("application.server", "127.0.0.1:" + (instance.equals("a") ? 9001 : 9002));
    config.put("group.protocol", protocol);
    config.put("default.key.serde", Serdes.StringSerde.class);
    config.put("default.value.serde", Serdes.StringSerde.class);
    config.put("num.stream.threads", "2");
    config.put("commit.interval.ms", "500");
    config.put("probing.rebalance.interval.ms", "60000");
    config.put("auto.offset.reset", "earliest");
    if (protocol.equals("classic")) config.put("num.standby.replicas", "1");
    config.put("state.dir", java.nio.file.Files.createTempDirectory("words").toString());
    return new KafkaStreams(builder.build(), config);
  }

  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    try (Admin admin = Admin.create(Clients.config(bootstrap, "admin"))) {
      admin.createTopics(List.of(new NewTopic("lines", 2, (short) 1), new NewTopic("counts", 2, (short) 1))).all().get();
    }
    try (var producer = Clients.producer(bootstrap, "writer")) {
      for (int i = 0; i < LINES; i++) producer.send(new ProducerRecord<>("lines", "key-" + i, "one two-" + i + " three"));
    }
    int counts = 0;
    try (var first = application(bootstrap, args[1], args[2], "a"); var second = application(bootstrap, args[1], args[2], "b");
        var consumer = Clients.consumer(bootstrap, "reader", "group.id", "group-counts", "isolation.level", "read_committed")) {
      first.start();
      consumer.subscribe(List.of("counts"));
      long end = System.currentTimeMillis() + 20_000;
      while (counts < LINES && System.currentTimeMillis() < end) counts += consumer.poll(Duration.ofMillis(300)).count();
      second.start();
      end = System.currentTimeMillis() + 8_000;
      while (System.currentTimeMillis() < end) consumer.poll(Duration.ofMillis(300));
    }
    Clients.report(LINES, counts);
  }
}
