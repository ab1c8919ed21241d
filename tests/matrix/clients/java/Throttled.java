import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;

/** A producer, a consumer and an admin beyond their quotas, which the broker throttles: Throttled BOOTSTRAP. */
public class Throttled {
  static ClientQuotaAlteration quota(String clientId, String name, double limit) {
    var entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, clientId));
    return new ClientQuotaAlteration(entity, List.of(new ClientQuotaAlteration.Op(name, limit)));
  }

  public static void main(String[] args) throws Exception {
    int produced = 60;
    int consumed = 0;
    try (Admin admin = Admin.create(Clients.config(args[0], "admin"));
        Admin creator = Admin.create(Clients.config(args[0], "creator"))) {
      admin.alterClientQuotas(List.of(quota("writer", "producer_byte_rate", 40_000), quota("reader", "consumer_byte_rate", 35_000), quota("creator", "controller_mutation_rate", 1))).all().get();
      admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get();
      creator.createTopics(List.of(new NewTopic("matrix", 2, (short) 1), new NewTopic("wide", 30, (short) 1))).all().get();
      // Waits until it may again.
      creator.deleteTopics(List.of("wide")).all().get();
    }
    try (var producer = Clients.producer(args[0], "writer", "batch.size", "40000");
        var consumer = Clients.consumer(args[0], "reader", "group.id", "group-throttled", "max.partition.fetch.bytes", "100000")) {
      for (int i = 0; i < produced; i++) producer.send(new ProducerRecord<>("matrix", "key-" + i, "v".repeat(8_000))).get();
      consumer.subscribe(List.of("matrix"));
      long end = System.currentTimeMillis() + 40_000;
      while (consumed < produced && System.currentTimeMillis() < end) consumed += consumer.poll(Duration.ofMillis(300)).count();
      if (Metrics.largest(producer.metrics(), "produce-throttle-time-max") <= 0) throw new IllegalStateException("the producer was not throttled");
      if (Metrics.largest(consumer.metrics(), "fetch-throttle-time-max") <= 0) throw new IllegalStateException("the consumer was not throttled");
    }
    Clients.report(produced, consumed);
  }
}
