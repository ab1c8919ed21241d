"""kafka-python 2.0.2 as it spoke to brokers of 2016: kafka_python_old.py BOOTSTRAP

API version 0.9 writes message sets of magic 0, 0.10 of magic 1.
"""

import json
import sys
import time

from kafka import KafkaConsumer, KafkaProducer

RECORDS = 40
BOOTSTRAP = sys.argv[1]


def round_trip(version: tuple[int, int], codec: str | None) -> tuple[int, int]:
    topic = f"old-{version[1]}-{codec}"
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, api_version=version, compression_type=codec, linger_ms=20)
    for i in range(RECORDS):
        producer.send(topic, value=b"value %d " % i + b"x" * 80, key=b"key-%d" % i)
    producer.flush(20)
    producer.close()
    consumer = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, group_id=f"group-{topic}", api_version=version, auto_offset_reset="earliest", enable_auto_commit=False)
    seen, until = 0, time.time() + 20
    while seen < RECORDS and time.time() < until:
        seen += sum(len(records) for records in consumer.poll(300).values())
        if seen:
            consumer.commit()
    consumer.close()
    return RECORDS, seen


trips = [round_trip(version, codec) for version in ((0, 9), (0, 10)) for codec in (None, "gzip")]
print(json.dumps({"produced": sum(t[0] for t in trips), "consumed": sum(t[1] for t in trips)}))
