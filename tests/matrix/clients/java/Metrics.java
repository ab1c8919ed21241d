import java.util.Map;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;

/** What a client measures of itself; apart from Clients, since clients before 1.0 say it otherwise. */
final class Metrics {
  private Metrics() {}

  /** Of all metrics with a name: for the client, for each topic, for each broker. */
  static double largest(Map<MetricName, ? extends Metric> metrics, String name) {
    return metrics.values().stream().filter(m -> m.metricName().name().equals(name)).mapToDouble(m -> (double) m.metricValue()).filter(value -> !Double.isNaN(value)).max().orElse(0);
  }
}
