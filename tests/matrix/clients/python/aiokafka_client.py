"""aiokafka: aiokafka_client.py BOOTSTRAP"""

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

RECORDS = 40
TOPIC = "matrix"
BOOTSTRAP = sys.argv[1]


async def admin_calls() -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP, client_id="admin")
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 3, 1), NewTopic("unused", 1, 1)])
    await admin.list_topics()
    await admin.describe_topics([TOPIC])
    await admin.describe_cluster()
    await admin.list_consumer_groups()
    await admin.delete_topics(["unused"])
    await admin.close()


async def send(**config: object) -> int:
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, linger_ms=5, **config) as producer:
        sent = [await producer.send(TOPIC, b"value %d " % i + b"x" * 80, key=b"key-%d" % i) for i in range(RECORDS)]
        await asyncio.gather(*sent)
    return RECORDS


async def produce() -> int:
    sent = 0
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        sent += await send(compression_type=codec)
    for acks in (0, 1, "all"):
        sent += await send(acks=acks, client_id=f"acks-{acks}")
    return sent + await send(enable_idempotence=True, client_id="idempotent")


async def transactions() -> None:
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id="tx-matrix", client_id="transactional") as producer:
        for i in range(3):
            await producer.begin_transaction()
            await producer.send_and_wait("transacted", b"value", key=b"tx")
            await producer.send_offsets_to_transaction({TopicPartition(TOPIC, 0): i + 1}, "group-tx")
            if i == 2:
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()


async def consume(wanted: int) -> int:
    seen, until = 0, time.time() + 20
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id="group", auto_offset_reset="earliest", enable_auto_commit=False) as consumer:
        while seen < wanted and time.time() < until:
            got = sum(len(records) for records in (await consumer.getmany(timeout_ms=300)).values())
            seen += got
            if got:
                await consumer.commit()
    return seen


async def main() -> None:
    await admin_calls()
    sent = await produce()
    await transactions()
    print(json.dumps({"produced": sent, "consumed": await consume(sent)}))


asyncio.run(main())
