import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Groups of three kinds under an administrator's hands, and clients that push what they measure (KIP-714): Groups BOOTSTRAP. */
public class Groups {
  static final TopicPartition FIRST = new TopicPartition("matrix-1", 0);
  static Admin admin;

  static void configure(ConfigResource.Type type, String name, String setting, String value) throws Exception {
    admin.incrementalAlterConfigs(Map.of(new ConfigResource(type, name), List.of(new AlterConfigOp(new ConfigEntry(setting, value), AlterConfigOp.OpType.SET)))).all().get();
  }

  static KafkaConsumer<String, String> member(String bootstrap, String protocol) {
    var member = Clients.consumer(bootstrap, "reader-" + protocol, "group.id", "group-" + protocol, "group.protocol", protocol, "group.instance.id", "static-" + protocol, "enable.auto.commit", "false");
    // The broker resolves the pattern in one protocol, the client in the other.
    if (protocol.equals("consumer")) member.subscribe(new SubscriptionPattern("matrix-.*"));
    else member.subscribe(Pattern.compile("matrix-.*"));
    return member;
  }

  /** Offsets with metadata, asked and set while there are members, and without. */
  static void offsets(String group) throws Exception {
    Asked.ask(admin.listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec(), "no-such-group", new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(FIRST)))).all());
    Asked.ask(admin.alterConsumerGroupOffsets(group, Map.of(FIRST, new OffsetAndMetadata(0, "reset"))).all());
    Asked.ask(admin.deleteConsumerGroupOffsets(group, Set.of(FIRST)).all());
  }

  static void members(List<String> groups) throws Exception {
    Asked.ask(admin.listGroups(new ListGroupsOptions()).all());
    Asked.ask(admin.listGroups(ListGroupsOptions.forConsumerGroups()).all());
    Asked.ask(admin.describeConsumerGroups(groups).all());
    Asked.ask(admin.describeClassicGroups(List.of("group-classic")).all());
    Asked.ask(admin.describeShareGroups(List.of("group-share")).all());
    Asked.ask(admin.describeStreamsGroups(List.of("no-such-group")).all());
    for (String group : groups) offsets(group);
    Asked.ask(admin.removeMembersFromConsumerGroup("group-classic", new RemoveMembersFromConsumerGroupOptions()).all());
  }

  static int consume(String bootstrap, int produced) throws Exception {
    int[] seen = new int[3];
    var config = Clients.config(bootstrap, "share", "group.id", "group-share");
    try (var classic = member(bootstrap, "classic");
        var current = member(bootstrap, "consumer");
        var share = new KafkaShareConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      share.subscribe(List.of("matrix-1", "matrix-2"));
      long end = System.currentTimeMillis() + 20_000;
      while (Math.min(seen[0], Math.min(seen[1], seen[2])) < produced && System.currentTimeMillis() < end) {
        seen[0] += classic.poll(Duration.ofMillis(200)).count();
        seen[1] += current.poll(Duration.ofMillis(200)).count();
        seen[2] += share.poll(Duration.ofMillis(200)).count();
      }
      classic.commitSync();
      current.commitSync();
      members(List.of("group-classic", "group-consumer"));
    }
    return Math.min(seen[0], Math.min(seen[1], seen[2]));
  }

  static void without(List<String> groups) throws Exception {
    Asked.ask(admin.removeMembersFromConsumerGroup("group-consumer", new RemoveMembersFromConsumerGroupOptions()).all());
    for (String group : groups) offsets(group);
    Asked.ask(admin.listShareGroupOffsets(Map.of("group-share", new ListShareGroupOffsetsSpec())).all());
    Asked.ask(admin.alterShareGroupOffsets("group-share", Map.of(FIRST, 3L)).all());
    Asked.ask(admin.deleteShareGroupOffsets("group-share", Set.of("matrix-2")).all());
    Asked.ask(admin.deleteShareGroups(List.of("group-share")).all());
    Asked.ask(admin.listStreamsGroupOffsets(Map.of("no-such-group", new ListStreamsGroupOffsetsSpec())).all());
    Asked.ask(admin.deleteConsumerGroups(groups).all());
    for (var spec : List.of(OffsetSpec.earliest(), OffsetSpec.maxTimestamp(), OffsetSpec.earliestLocal(), OffsetSpec.latestTiered(), OffsetSpec.earliestPendingUpload(), OffsetSpec.forTimestamp(1))) Asked.ask(admin.listOffsets(Map.of(FIRST, spec)).all());
  }

  public static void main(String[] args) throws Exception {
    int produced = 0;
    admin = Admin.create(Clients.config(args[0], "admin"));
    admin.createTopics(List.of(new NewTopic("matrix-1", 2, (short) 1), new NewTopic("matrix-2", 1, (short) 1))).all().get();
    configure(ConfigResource.Type.GROUP, "group-share", "share.auto.offset.reset", "earliest");
    configure(ConfigResource.Type.CLIENT_METRICS, "all", "metrics", "*");
    configure(ConfigResource.Type.CLIENT_METRICS, "all", "interval.ms", "500");
    try (var producer = Clients.producer(args[0], "writer", "compression.type", "lz4")) {
      for (; produced < 60; produced++) producer.send(new ProducerRecord<>("matrix-" + (1 + produced % 2), "key-" + produced, "value"));
    }
    int consumed = consume(args[0], produced);
    without(List.of("group-classic", "group-consumer"));
    admin.close();
    Clients.report(produced, consumed);
  }
}
