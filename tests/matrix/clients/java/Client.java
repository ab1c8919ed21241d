import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Everything that clients of 2.8 and newer have in common: Client BOOTSTRAP REPLICATION GROUP_PROTOCOL... */
public class Client {
  static final int RECORDS = 40;
  static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
  static final String TOPIC = "matrix";
  static String bootstrap;
  static int produced;
  static int consumed;

  static void send(KafkaProducer<String, String> producer) throws Exception {
    for (int i = 0; i < RECORDS; i++) {
      ProducerRecord<String, String> record = new ProducerRecord<>(TOPIC, "key-" + i, "value " + i + " ".repeat(80));
      if (i % 2 == 0) record.headers().add("trace", ("h" + i).getBytes());
      producer.send(record);
    }
    producer.flush();
    produced += RECORDS;
  }

  static void produce() throws Exception {
    for (String codec : CODECS) {
      try (KafkaProducer<String, String> p = Clients.producer(bootstrap, "idempotent-" + codec, "compression.type", codec, "enable.idempotence", "true", "acks", "all")) {
        send(p);
      }
    }
    for (String acks : new String[] {"0", "1", "all"}) {
      try (KafkaProducer<String, String> p = Clients.producer(bootstrap, "acks-" + acks, "acks", acks, "enable.idempotence", "false")) {
        send(p);
      }
    }
  }

  static KafkaConsumer<String, String> consumer(String group, String... more) {
    Properties config = Clients.config(bootstrap, "reader-" + group, more);
    config.put("group.id", group);
    config.put("auto.offset.reset", "earliest");
    config.put("enable.auto.commit", "false");
    KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(Collections.singletonList(TOPIC));
    return consumer;
  }

  static void consume(String protocol) {
    String[] more = protocol.equals("classic") ? new String[0] : new String[] {"group.protocol", protocol};
    long end = System.currentTimeMillis() + 20_000;
    int seen = 0;
    try (KafkaConsumer<String, String> c = consumer("group-" + protocol, more)) {
      while (seen < produced && System.currentTimeMillis() < end) {
        seen += c.poll(Duration.ofMillis(200)).count();
        c.commitSync();
      }
      // A silent fetch session, and one that forgets a partition.
      c.poll(Duration.ofMillis(700));
      c.pause(Collections.singleton(new TopicPartition(TOPIC, 0)));
      c.poll(Duration.ofMillis(700));
    }
    consumed += seen;
  }

  /** Reads in a group and commits with each transaction; every third is aborted. */
  static void transactions() throws Exception {
    try (KafkaProducer<String, String> p = Clients.producer(bootstrap, "transactional", "transactional.id", "tx-matrix");
        KafkaConsumer<String, String> c = consumer("group-tx", "isolation.level", "read_committed")) {
      p.initTransactions();
      for (int i = 0; i < 3; i++) {
        p.beginTransaction();
        for (int k = 0; k < 5; k++) p.send(new ProducerRecord<>(TOPIC, "tx", "value"));
        p.flush();
        ConsumerRecords<String, String> records = c.poll(Duration.ofMillis(1500));
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<String, String> r : records) {
          offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
        }
        p.sendOffsetsToTransaction(offsets, c.groupMetadata());
        if (i % 3 == 2) p.abortTransaction();
        else p.commitTransaction();
      }
    }
  }

  static void before(Admin admin, short replication) throws Exception {
    admin.describeCluster().nodes().get();
    admin.createTopics(Arrays.asList(new NewTopic(TOPIC, 3, replication), new NewTopic("unused", 1, (short) 1))).all().get();
    admin.listTopics().names().get();
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
    admin.describeConfigs(Collections.singleton(topic)).all().get();
    Map<ConfigResource, Collection<AlterConfigOp>> change = new HashMap<>();
    change.put(topic, Collections.singleton(new AlterConfigOp(new ConfigEntry("retention.ms", "3600000"), AlterConfigOp.OpType.SET)));
    admin.incrementalAlterConfigs(change).all().get();
    admin.createPartitions(Collections.singletonMap("unused", NewPartitions.increaseTo(2))).all().get();
  }

  static void after(Admin admin, List<String> groups) throws Exception {
    TopicPartition first = new TopicPartition(TOPIC, 0);
    admin.listOffsets(Collections.singletonMap(first, OffsetSpec.latest())).all().get();
    admin.listConsumerGroups().all().get();
    admin.describeConsumerGroups(groups).all().get();
    admin.listConsumerGroupOffsets(groups.get(0)).partitionsToOffsetAndMetadata().get();
    admin.describeLogDirs(Collections.singleton(1)).descriptions();
    admin.deleteRecords(Collections.singletonMap(first, RecordsToDelete.beforeOffset(1))).all().get();
    admin.deleteConsumerGroups(groups).all().get();
    admin.deleteTopics(Collections.singleton("unused")).all().get();
  }

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    List<String> protocols = new ArrayList<>(Arrays.asList(args).subList(2, args.length));
    List<String> groups = new ArrayList<>();
    try (Admin admin = Admin.create(Clients.config(bootstrap, "admin"))) {
      before(admin, Short.parseShort(args[1]));
      produce();
      for (String protocol : protocols) {
        consume(protocol);
        groups.add("group-" + protocol);
      }
      transactions();
      after(admin, groups);
    }
    Clients.report(produced, consumed / protocols.size());
  }
}
