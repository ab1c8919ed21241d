import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.connect.mirror.MirrorMaker;

/** MirrorMaker 2, with a worker of Connect in distributed mode, copies a topic to another name of the same cluster: Mirror BOOTSTRAP. */
public class Mirror {
  static Map<String, String> config(String bootstrap) {
    var config = new HashMap<>(Map.of("clusters", "near, far", "near.bootstrap.servers", bootstrap, "far.bootstrap.servers", bootstrap, "near->far.enabled", "true", "near->far.topics", "matrix", "near->far.groups", "group-.*"));
    for (String topic : List.of("", "checkpoints.topic.", "heartbeats.topic.", "offset-syncs.topic.", "config.storage.", "offset.storage.", "status.storage.")) config.put(topic + "replication.factor", "1");
    for (String interval : List.of("refresh.topics", "refresh.groups", "emit.checkpoints", "emit.heartbeats", "sync.group.offsets")) config.put(interval + ".interval.seconds", "2");
    config.put("sync.group.offsets.enabled", "true");
    return config;
  }

  static int read(String bootstrap, String topic, int wanted) {
    int seen = 0;
    try (var consumer = Clients.consumer(bootstrap, "reader", "group.id", "group-" + topic, "metadata.max.age.ms", "1000")) {
      consumer.subscribe(List.of(topic));
      long end = System.currentTimeMillis() + 60_000;
      while (seen < wanted && System.currentTimeMillis() < end) seen += consumer.poll(Duration.ofMillis(300)).count();
      consumer.commitSync();
    }
    return seen;
  }

  public static void main(String[] args) throws Exception {
    int produced = 100;
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"));
        var producer = Clients.producer(args[0], "writer")) {
      admin.createTopics(List.of(new NewTopic("matrix", 3, (short) 1))).all().get();
      for (int i = 0; i < produced; i++) producer.send(new ProducerRecord<>("matrix", "key-" + i, "value"));
    }
    read(args[0], "matrix", produced);
    var mirror = new MirrorMaker(config(args[0]));
    mirror.start();
    int consumed = read(args[0], "near.matrix", produced);
    // The group's offsets follow.
    Thread.sleep(6_000);
    mirror.stop();
    Clients.report(produced, consumed);
  }
}
