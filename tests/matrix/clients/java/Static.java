import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;

/** Static members (KIP-345): one comes back as itself, one is fenced by its double, one is removed by hand: Static BOOTSTRAP PROTOCOL. */
public class Static {
  static String bootstrap;
  static String protocol;
  static int consumed;

  static KafkaConsumer<String, String> member(String clientId, String instance) {
    var member = Clients.consumer(bootstrap, clientId, "group.protocol", protocol, "group.id", "group-static-" + protocol, "group.instance.id", instance);
    member.subscribe(Collections.singletonList("matrix"));
    return member;
  }

  /** Polls both in turn, as a rebalance needs it; a member may be fenced meanwhile. */
  static void poll(int ms, KafkaConsumer<String, String>... members) {
    long end = System.currentTimeMillis() + ms;
    while (System.currentTimeMillis() < end) {
      for (KafkaConsumer<String, String> member : members) {
        try {
          consumed += member.poll(Duration.ofMillis(150)).count();
        } catch (KafkaException fenced) {
          return;
        }
      }
    }
  }

  /** Polls them until each has its partitions: how long a rebalance takes is the machine's affair. */
  static void join(KafkaConsumer<String, String>... members) {
    long end = System.currentTimeMillis() + 60_000;
    while (System.currentTimeMillis() < end && Arrays.stream(members).anyMatch(m -> m.assignment().isEmpty())) poll(300, members);
  }

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    protocol = args[1];
    int produced = 60;
    try (Admin admin = Admin.create(Clients.config(bootstrap, "admin"))) {
      admin.createTopics(Collections.singleton(new NewTopic("matrix", 4, (short) 1))).all().get();
      try (var producer = Clients.producer(bootstrap, "writer")) {
        for (int i = 0; i < produced; i++) producer.send(new ProducerRecord<>("matrix", "key-" + i, "value"));
      }
      KafkaConsumer<String, String> one = member("first", "instance-1");
      KafkaConsumer<String, String> two = member("second", "instance-2");
      join(one, two);
      poll(2_000, one, two);
      // Leaves no word, and returns within the session.
      two.commitSync();
      two.close();
      two = member("second-again", "instance-2");
      join(one, two);
      poll(2_000, one, two);
      KafkaConsumer<String, String> twin = member("double", "instance-1");
      poll(3_000, twin, one, two);
      try {
        MemberToRemove removed = new MemberToRemove("instance-2");
        admin.removeMembersFromConsumerGroup("group-static-" + protocol, new RemoveMembersFromConsumerGroupOptions(Collections.singleton(removed))).all().get();
      } catch (ExecutionException refused) {
        // A group of KIP-848 cannot be asked to.
      }
      admin.describeConsumerGroups(Collections.singleton("group-static-" + protocol)).all().get();
      poll(1_000, twin);
    }
    Clients.report(produced, consumed);
  }
}
