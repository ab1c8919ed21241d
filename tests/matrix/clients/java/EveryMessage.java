import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.DataInputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32C;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Every API in every version that this kafka-clients knows, filled at random, written by Kafka's own serializer over a
 * real connection: EveryMessage PORT LOG TIMES. LOG gets what was said, by Kafka's own JSON converters, as a broker's request log has it.
 */
public class EveryMessage {
  static final String[] TEXTS = {"", "matrix", "orders.v1", "ünïcødé 主题", "a \"quoted\"\\\n\ttext", "x".repeat(249), "😀"};
  static final long[] NUMBERS = {0, 1, -1, 2, 3, 100, Byte.MAX_VALUE, Byte.MIN_VALUE, Short.MAX_VALUE, Integer.MAX_VALUE, Integer.MIN_VALUE, Long.MAX_VALUE, Long.MIN_VALUE};
  /** A tag that no version knows. */
  static final int UNKNOWN_TAG = 4000;
  static Random dice;

  static long number() {
    return dice.nextBoolean() ? NUMBERS[dice.nextInt(NUMBERS.length)] : dice.nextLong() >> dice.nextInt(64);
  }

  static byte[] bytes() {
    byte[] out = new byte[dice.nextInt(40)];
    dice.nextBytes(out);
    return out;
  }

  /** One batch without records; its class moved from one package to another between 3.9 and 4.4. */
  static Object records(Class<?> field) throws ReflectiveOperationException {
    Class<?> records = Class.forName(field.getPackageName() + ".MemoryRecords");
    ByteBuffer batch = ByteBuffer.allocate(61).putLong(number()).putInt(49).putInt(0).put((byte) 2);
    CRC32C checksum = new CRC32C();
    checksum.update(batch.array(), 21, 40);
    batch.putInt((int) checksum.getValue());
    return records.getMethod("readableRecords", ByteBuffer.class).invoke(null, batch.rewind());
  }

  /** The Java field of a schema's field: names there are in snake_case. */
  static Field field(Class<?> type, String name) throws NoSuchFieldException {
    String wanted = name.replace("_", "");
    for (Field field : type.getDeclaredFields()) {
      if (field.getName().equalsIgnoreCase(wanted)) {
        field.setAccessible(true);
        return field;
      }
    }
    throw new NoSuchFieldException(type + "." + name);
  }

  static Class<?> elementOf(Field field) {
    var generic = field.getGenericType() instanceof ParameterizedType list ? list : (ParameterizedType) field.getType().getGenericSuperclass();
    return (Class<?>) generic.getActualTypeArguments()[0];
  }

  @SuppressWarnings("unchecked")
  static Object value(Type type, Class<?> java, Field field, int depth) throws ReflectiveOperationException {
    // 3.9 calls records nullable that its serializer does not take as null.
    if (type.isNullable() && !java.getSimpleName().endsWith("Records") && dice.nextInt(5) == 0) return null;
    if (type.arrayElementType().isPresent()) {
      var into = List.class.isAssignableFrom(java) ? new ArrayList<Object>() : (Collection<Object>) java.getConstructor().newInstance();
      int n = dice.nextInt(depth > 2 ? 2 : 4);
      for (int i = 0; i < n; i++) into.add(value(type.arrayElementType().get(), elementOf(field), field, depth + 1));
      return into;
    }
    if (type instanceof Schema schema) return filled((Message) java.getConstructor().newInstance(), schema, depth + 1);
    if (java == boolean.class || java == Boolean.class) return dice.nextBoolean();
    if (java == byte.class || java == Byte.class) return (byte) number();
    if (java == short.class || java == Short.class) return (short) number();
    if (java == int.class && type == Type.UINT16) return (int) number() & 0xffff;
    if (java == int.class || java == Integer.class) return (int) number();
    if (java == long.class && type == Type.UNSIGNED_INT32) return number() & 0xffffffffL;
    if (java == long.class || java == Long.class) return number();
    if (java == double.class || java == Double.class) return number() / 7.0;
    if (java == String.class) return TEXTS[dice.nextInt(TEXTS.length)];
    if (java == Uuid.class) return dice.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(dice.nextLong(), dice.nextLong());
    if (java == byte[].class) return bytes();
    if (java == ByteBuffer.class) return ByteBuffer.wrap(bytes());
    if (java.getSimpleName().endsWith("Records")) return records(java);
    throw new IllegalArgumentException(java + " of " + type);
  }

  /** 3.9 has no method for them. */
  @SuppressWarnings("unchecked")
  static Collection<org.apache.kafka.common.protocol.types.Field> fields(TaggedFields tagged) throws ReflectiveOperationException {
    Field fields = TaggedFields.class.getDeclaredField("fields");
    fields.setAccessible(true);
    return ((Map<Integer, org.apache.kafka.common.protocol.types.Field>) fields.get(tagged)).values();
  }

  static Message filled(Message message, Schema schema, int depth) throws ReflectiveOperationException {
    for (BoundField bound : schema.fields()) {
      if (bound.def.type instanceof TaggedFields tagged) {
        for (var def : fields(tagged)) if (dice.nextInt(3) > 0) set(message, def.name, def.type, depth);
        if (dice.nextInt(8) == 0) message.unknownTaggedFields().add(new RawTaggedField(UNKNOWN_TAG, bytes()));
      } else {
        set(message, bound.def.name, bound.def.type, depth);
      }
    }
    return message;
  }

  static void set(Message message, String name, Type type, int depth) throws ReflectiveOperationException {
    Field field = field(message.getClass(), name);
    field.set(message, value(type, field.getType(), field, depth));
  }

  static JsonNode json(ApiMessage message, short version) throws ReflectiveOperationException {
    Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
    try {
      return (JsonNode) converter.getMethod("write", message.getClass(), short.class, boolean.class).invoke(null, message, version, false);
    } catch (NoSuchMethodException e) {
      return (JsonNode) converter.getMethod("write", message.getClass(), short.class).invoke(null, message, version);
    }
  }

  static byte[] frame(Message header, short headerVersion, Message body, short version) {
    var cache = new ObjectSerializationCache();
    int size = header.size(cache, headerVersion) + body.size(cache, version);
    var out = ByteBuffer.allocate(4 + size);
    out.putInt(size);
    var accessor = new ByteBufferAccessor(out);
    header.write(accessor, cache, headerVersion);
    body.write(accessor, cache, version);
    return out.array();
  }

  /** From one end of a connection to the other, which reads all of it before it answers. */
  static void pass(byte[] frame, Socket from, Socket to) throws Exception {
    Thread write = new Thread(() -> {
      try {
        from.getOutputStream().write(frame);
      } catch (Exception e) {
        throw new RuntimeException(e);
      }
    });
    write.start();
    new DataInputStream(to.getInputStream()).readFully(new byte[frame.length]);
    write.join();
  }

  /** Filled at random. */
  static int exchange(ApiMessageType api, short version, int correlationId, Socket client, Socket broker, PrintStream log) throws Exception {
    return exchange(api, version, (ApiMessage) filled(api.newRequest(), api.requestSchemas()[version], 0), (ApiMessage) filled(api.newResponse(), api.responseSchemas()[version], 0), correlationId, client, broker, log);
  }

  static int exchange(ApiMessageType api, short version, ApiMessage request, ApiMessage response, int correlationId, Socket client, Socket broker, PrintStream log) throws Exception {
    // The oldest header has none.
    String clientId = api.requestHeaderVersion(version) == 0 ? "" : "every-" + api.apiKey();
    var header = new RequestHeaderData().setRequestApiKey(api.apiKey()).setRequestApiVersion(version).setClientId(clientId).setCorrelationId(correlationId);
    JsonNode asked = json(request, version);
    boolean answered = api != ApiMessageType.PRODUCE || asked.get("acks").asInt() != 0;
    pass(frame(header, api.requestHeaderVersion(version), request, version), client, broker);
    if (answered) pass(frame(new ResponseHeaderData().setCorrelationId(correlationId), api.responseHeaderVersion(version), response, version), broker, client);
    ObjectNode entry = JsonNodeFactory.instance.objectNode();
    entry.put("isForwarded", false);
    entry.putObject("requestHeader").put("clientId", clientId).put("requestApiKey", api.apiKey()).put("requestApiVersion", version).put("correlationId", correlationId).put("requestApiKeyName", api.name());
    entry.set("request", asked);
    entry.set("response", answered ? json(response, version) : NullNode.instance);
    entry.put("connection", "127.0.0.1:" + broker.getLocalPort() + "-127.0.0.1:" + client.getLocalPort() + "-0-0");
    log.println("Completed request:" + entry);
    return 1;
  }

  public static void main(String[] args) throws Exception {
    dice = new Random(20261125);
    int said = 0;
    try (ServerSocket listener = new ServerSocket(Integer.parseInt(args[0]), 5, InetAddress.getLoopbackAddress());
        PrintStream log = new PrintStream(args[1], "UTF-8")) {
      for (ApiMessageType api : ApiMessageType.values()) {
        for (int time = 0; time < Integer.parseInt(args[2]); time++) {
          // Of a connection that had a SaslHandshake v0, what follows is no Kafka.
          try (Socket client = new Socket(listener.getInetAddress(), listener.getLocalPort());
              Socket broker = listener.accept()) {
            client.setTcpNoDelay(true);
            broker.setTcpNoDelay(true);
            // What is said at random alone need not look like Kafka.
            said += exchange(ApiMessageType.API_VERSIONS, (short) 3, new ApiVersionsRequestData().setClientSoftwareName("every-message").setClientSoftwareVersion("1"), new ApiVersionsResponseData(), 1, client, broker, log);
            for (short version = api.highestSupportedVersion(true); version >= api.lowestSupportedVersion(); version--) said += exchange(api, version, 100 + version, client, broker, log);
          }
        }
      }
    }
    System.out.println("{\"produced\": " + said + ", \"consumed\": " + said + "}");
  }
}
