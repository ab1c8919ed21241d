import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.KafkaFuture;

/** What an administrator has asked; apart from Clients, since clients before 0.11 have none. */
final class Asked {
  static int answered;

  private Asked() {}

  /** A refusal is an answer too. */
  static void ask(KafkaFuture<?> answer) throws InterruptedException {
    try {
      answer.get();
    } catch (ExecutionException refused) {
      System.err.println(refused.getCause());
    }
    answered++;
  }
}
