import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** PLAIN, both SCRAMs, a wrong password, and sessions that the broker lets expire: Sasl BOOTSTRAP ADMIN_PASSWORD USER_PASSWORD. */
public class Sasl {
  static Properties config(String bootstrap, String clientId, String mechanism, String user, String password) {
    String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
    Properties config = Clients.config(bootstrap, clientId, "security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", mechanism);
    config.put("sasl.jaas.config", "org.apache.kafka.common.security." + module + " required username=\"" + user + "\" password=\"" + password + "\";");
    return config;
  }

  static boolean refused(Properties config) throws Exception {
    try (Admin admin = Admin.create(config)) {
      admin.listTopics().names().get();
      return false;
    } catch (ExecutionException e) {
      return e.getCause() instanceof SaslAuthenticationException;
    }
  }

  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    try (Admin admin = Admin.create(config(bootstrap, "admin", "PLAIN", "admin", args[1]))) {
      admin.createTopics(List.of(new NewTopic("matrix", 3, (short) 1))).all().get();
      for (ScramMechanism mechanism : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
        var user = new UserScramCredentialUpsertion("app", new ScramCredentialInfo(mechanism, 4096), args[2]);
        admin.alterUserScramCredentials(List.of(user)).all().get();
      }
      admin.describeUserScramCredentials().all().get();
    }
    if (!refused(config(bootstrap, "stranger", "SCRAM-SHA-512", "app", "wrong"))) throw new IllegalStateException("a wrong password was taken");
    if (!refused(config(bootstrap, "stranger", "PLAIN", "app", "wrong"))) throw new IllegalStateException("a wrong password was taken");
    Properties reads = config(bootstrap, "reader", "SCRAM-SHA-512", "app", args[2]);
    reads.put("group.id", "group-sasl");
    reads.put("auto.offset.reset", "earliest");
    int produced = 0;
    int consumed = 0;
    try (var producer = new KafkaProducer<>(config(bootstrap, "writer", "SCRAM-SHA-256", "app", args[2]), new StringSerializer(), new StringSerializer());
        var consumer = new KafkaConsumer<>(reads, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of("matrix"));
      long end = System.currentTimeMillis() + 9_000;
      while (System.currentTimeMillis() < end) {
        producer.send(new ProducerRecord<>("matrix", "key", "value " + produced++)).get();
        consumed += consumer.poll(Duration.ofMillis(100)).count();
        Thread.sleep(100);
      }
      end += 10_000;
      while (consumed < produced && System.currentTimeMillis() < end) consumed += consumer.poll(Duration.ofMillis(200)).count();
      consumer.commitSync();
    }
    Clients.report(produced, consumed);
  }
}
