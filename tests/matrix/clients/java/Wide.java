import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Topics and partitions in thousands, with the longest names: all are described, produced to and read: Wide BOOTSTRAP TOPICS PARTITIONS. */
public class Wide {
  static final int LONGEST = 249;

  public static void main(String[] args) throws Exception {
    int topics = Integer.parseInt(args[1]);
    int partitions = Integer.parseInt(args[2]);
    List<String> names = IntStream.range(0, topics).mapToObj(i -> "matrix-" + i + "-").map(name -> name + "x".repeat(LONGEST - name.length())).toList();
    int consumed = 0;
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"))) {
      admin.createTopics(names.stream().map(name -> new NewTopic(name, partitions, (short) 1)).toList()).all().get();
      admin.listTopics().names().get();
      admin.describeTopics(names).allTopicNames().get();
    }
    try (var producer = Clients.producer(args[0], "writer");
        var consumer = Clients.consumer(args[0], "reader", "group.id", "group-wide")) {
      for (String name : names) producer.send(new ProducerRecord<>(name, "key", "value"));
      producer.flush();
      consumer.listTopics();
      consumer.subscribe(names);
      long end = System.currentTimeMillis() + 40_000;
      while (consumed < topics && System.currentTimeMillis() < end) consumed += consumer.poll(Duration.ofMillis(500)).count();
      consumer.commitSync();
    }
    Clients.report(topics, consumed);
  }
}
