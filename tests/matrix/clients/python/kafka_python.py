"""kafka-python: kafka_python.py BOOTSTRAP"""

import json
import sys
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic

RECORDS = 40
TOPIC = "matrix"
BOOTSTRAP = sys.argv[1]


def admin_calls() -> None:
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP, client_id="admin")
    admin.create_topics([NewTopic(TOPIC, num_partitions=3, replication_factor=1), NewTopic("unused", num_partitions=1, replication_factor=1)])
    admin.list_topics()
    admin.describe_topics([TOPIC])
    admin.describe_cluster()
    admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])
    admin.list_groups()
    admin.delete_topics(["unused"])
    admin.close()


def send(producer: KafkaProducer, topic: str = TOPIC) -> int:
    for i in range(RECORDS):
        producer.send(topic, value=b"value %d " % i + b"x" * 80, key=b"key-%d" % i, headers=[("trace", b"h")] if i % 2 else None)
    producer.flush(20)
    return RECORDS


def produce() -> int:
    sent = 0
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        with KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, linger_ms=5) as producer:
            sent += send(producer)
    for acks in (0, 1, "all"):
        with KafkaProducer(bootstrap_servers=BOOTSTRAP, acks=acks, enable_idempotence=False, client_id=f"acks-{acks}") as producer:
            sent += send(producer)
    return sent


def transactions() -> None:
    with KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id="tx-matrix", client_id="transactional") as producer:
        producer.init_transactions()
        for i in range(3):
            producer.begin_transaction()
            send(producer, "transacted")
            if i == 2:
                producer.abort_transaction()
            else:
                producer.commit_transaction()


def consume(wanted: int) -> int:
    consumer = KafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id="group", auto_offset_reset="earliest", enable_auto_commit=False)
    seen, until = 0, time.time() + 20
    while seen < wanted and time.time() < until:
        got = sum(len(records) for records in consumer.poll(300).values())
        seen += got
        if got:
            consumer.commit()
    consumer.close()
    return seen


admin_calls()
sent = produce()
transactions()
print(json.dumps({"produced": sent, "consumed": consume(sent)}))
