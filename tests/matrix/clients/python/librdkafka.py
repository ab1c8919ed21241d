"""confluent-kafka, which is librdkafka: librdkafka.py BOOTSTRAP GROUP_PROTOCOL..."""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType

RECORDS = 40
TOPIC = "matrix"
BOOTSTRAP, *PROTOCOLS = sys.argv[1:]
BASE = {"bootstrap.servers": BOOTSTRAP, "log_level": 3}


def admin_calls() -> None:
    admin = AdminClient({**BASE, "client.id": "admin"})
    for future in admin.create_topics([NewTopic(TOPIC, 3, 1), NewTopic("unused", 1, 1)]).values():
        future.result(10)
    admin.list_topics(timeout=10)
    topic = ConfigResource(ResourceType.TOPIC, TOPIC)
    for future in admin.describe_configs([topic]).values():
        future.result(10)
    for future in admin.create_partitions([NewPartitions("unused", 2)]).values():
        future.result(10)
    admin.describe_cluster().result(10)
    admin.list_consumer_groups().result(10)
    for future in admin.delete_topics(["unused"]).values():
        future.result(10)


def send(**config: object) -> int:
    producer = Producer({**BASE, "linger.ms": 5, **{key.replace("_", "."): value for key, value in config.items()}})
    for i in range(RECORDS):
        producer.produce(TOPIC, f"value {i} " + "x" * 80, f"key-{i}", headers={"trace": f"h{i}"} if i % 2 else None)
    producer.flush(20)
    return RECORDS


def produce() -> int:
    sent = sum(send(compression_type=codec) for codec in ("none", "gzip", "snappy", "lz4", "zstd"))
    sent += sum(send(acks=acks, client_id=f"acks-{acks}") for acks in ("0", "1", "all"))
    sent += send(client_id="ünïcödé-主题")
    return sent + send(enable_idempotence=True, client_id="idempotent")


def transactions() -> None:
    producer = Producer({**BASE, "transactional.id": "tx-matrix", "client.id": "transactional"})
    producer.init_transactions(20)
    for i in range(3):
        producer.begin_transaction()
        for _ in range(5):
            producer.produce("transacted", "value", "tx")
        if i == 2:
            producer.abort_transaction(20)
        else:
            producer.send_offsets_to_transaction([TopicPartition(TOPIC, 0, i + 1)], consumer_metadata(), 20)
            producer.commit_transaction(20)


def consumer_metadata() -> object:
    consumer = Consumer({**BASE, "group.id": "group-tx"})
    # send_offsets_to_transaction does not keep its timeout (librdkafka issue 5456): where the group's coordinator does
    # not exist yet, it can wait for ever. This waits until there is one, which may refuse at first what it is asked.
    until = time.time() + 30
    while True:
        try:
            consumer.committed([TopicPartition(TOPIC, 0)], 10)
            return consumer.consumer_group_metadata()
        except KafkaException:
            if time.time() > until:
                raise
            time.sleep(0.1)


def consume(protocol: str, wanted: int) -> int:
    more = {} if protocol == "classic" else {"group.protocol": protocol}
    consumer = Consumer({**BASE, "group.id": f"group-{protocol}", "auto.offset.reset": "earliest", "enable.auto.commit": False, **more})
    consumer.subscribe([TOPIC])
    seen, until = 0, time.time() + 20
    while seen < wanted and time.time() < until:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            seen += 1
            if seen % 100 == 0:
                consumer.commit(asynchronous=False)
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        if error.args[0].name() != "_NO_OFFSET":
            raise
    consumer.close()
    return seen


admin_calls()
sent = produce()
transactions()
seen = [consume(protocol, sent) for protocol in PROTOCOLS]
print(json.dumps({"produced": sent, "consumed": min(seen)}))
