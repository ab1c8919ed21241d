import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A share group (KIP-932) that accepts, releases and rejects: Share BOOTSTRAP WANTED. */
public class Share {
  public static void main(String[] args) throws Exception {
    Properties config = Clients.config(args[0], "share");
    try (Admin admin = Admin.create(config)) {
      var group = new ConfigResource(ConfigResource.Type.GROUP, "group-share");
      var earliest = new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
      admin.incrementalAlterConfigs(Map.of(group, List.of(earliest))).all().get();
    }
    config.put("group.id", "group-share");
    config.put("share.acknowledgement.mode", "explicit");
    int wanted = Integer.parseInt(args[1]);
    int done = 0;
    long end = System.currentTimeMillis() + 20_000;
    try (var consumer = new KafkaShareConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of("matrix"));
      while (done < wanted && System.currentTimeMillis() < end) {
        for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(300))) {
          boolean first = r.deliveryCount().orElse((short) 0) == 1;
          var type = first && r.offset() % 10 == 3 ? AcknowledgeType.RELEASE : r.offset() % 10 == 7 ? AcknowledgeType.REJECT : AcknowledgeType.ACCEPT;
          consumer.acknowledge(r, type);
          if (type != AcknowledgeType.RELEASE) done++;
        }
        consumer.commitSync();
      }
    }
    Clients.report(wanted, done);
  }
}
