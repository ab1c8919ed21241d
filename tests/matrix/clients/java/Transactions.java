import java.time.Duration;
import java.util.Collections;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** Transactions that end in every way: committed, aborted, fenced, timed out, aborted by hand, left open: Transactions BOOTSTRAP. */
public class Transactions {
  static final TopicPartition ONLY = new TopicPartition("matrix", 0);
  static String bootstrap;

  static KafkaProducer<String, String> begun(String clientId, String id, int timeoutMs) {
    var producer = Clients.producer(bootstrap, clientId, "transactional.id", id, "transaction.timeout.ms", String.valueOf(timeoutMs));
    producer.initTransactions();
    send(producer);
    return producer;
  }

  static void send(KafkaProducer<String, String> producer) {
    producer.beginTransaction();
    for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>("matrix", "key", "value"));
    producer.flush();
  }

  static int read() {
    int read = 0;
    try (var consumer = Clients.consumer(bootstrap, "reader", "isolation.level", "read_committed")) {
      consumer.assign(Collections.singleton(ONLY));
      consumer.seekToBeginning(Collections.singleton(ONLY));
      for (int i = 0; i < 8; i++) read += consumer.poll(Duration.ofMillis(200)).count();
    }
    return read;
  }

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    int committed = 0;
    int consumed;
    try (Admin admin = Admin.create(Clients.config(bootstrap, "admin"))) {
      admin.createTopics(Collections.singleton(new NewTopic("matrix", 1, (short) 1))).all().get();
      try (KafkaProducer<String, String> producer = begun("steady", "tx-steady", 60_000)) {
        producer.commitTransaction();
        send(producer);
        producer.abortTransaction();
        send(producer);
        producer.commitTransaction();
        committed += 10;
      }
      KafkaProducer<String, String> fenced = begun("fenced", "tx-fenced", 60_000);
      try (KafkaProducer<String, String> successor = begun("successor", "tx-fenced", 60_000)) {
        successor.commitTransaction();
        committed += 5;
        fenced.commitTransaction();
        throw new IllegalStateException("a fenced producer has committed");
      } catch (KafkaException expected) {
        fenced.close(Duration.ZERO);
      }
      begun("timed-out", "tx-timed-out", 1_500);
      Thread.sleep(4_000);
      begun("aborted-by-hand", "tx-by-hand", 60_000);
      ProducerState hangs = admin.describeProducers(Collections.singleton(ONLY)).all().get().get(ONLY).activeProducers().stream().filter(p -> p.currentTransactionStartOffset().isPresent()).findFirst().get();
      admin.abortTransaction(new AbortTransactionSpec(ONLY, hangs.producerId(), (short) hangs.producerEpoch(), hangs.coordinatorEpoch().orElse(0))).all().get();
      consumed = read();
      begun("left-open", "tx-left-open", 60_000);
      read();
      admin.listTransactions().all().get();
      admin.describeTransactions(Collections.singleton("tx-left-open")).all().get();
      admin.fenceProducers(Collections.singleton("tx-by-hand")).all().get();
    }
    Clients.report(committed, consumed);
  }
}
