"""The administrator of confluent-kafka, which is librdkafka, with a group under its hands: librdkafka_admin.py BOOTSTRAP"""

import json
import sys
import time
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    ElectionType,
    IsolationLevel,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

RECORDS = 40
TOPIC = "matrix"
GROUP = "group-admin"
FIRST = TopicPartition(TOPIC, 0)
BASE = {"bootstrap.servers": sys.argv[1], "log_level": 3}


def ask(answers: dict[Any, Future[Any]] | Future[Any]) -> None:
    """A refusal is an answer too."""
    for answer in answers.values() if isinstance(answers, dict) else [answers]:
        try:
            answer.result(15)
        except KafkaException as refused:
            print(refused, file=sys.stderr)


def topics(admin: AdminClient) -> None:
    ask(admin.create_topics([NewTopic(TOPIC, 2, 1, config={"retention.ms": "3600000"}), NewTopic("unused-ü", 1, 1)]))
    ask(admin.create_topics([NewTopic("never", 3, 1)], validate_only=True))
    ask(admin.create_partitions([NewPartitions(TOPIC, 3)]))
    ask(admin.describe_topics(TopicCollection([TOPIC, "none"]), include_authorized_operations=True))
    ask(admin.describe_cluster(include_authorized_operations=True))


def configs(admin: AdminClient) -> None:
    topic, broker = ConfigResource(ConfigResource.Type.TOPIC, TOPIC), ConfigResource(ConfigResource.Type.BROKER, "1")
    ask(admin.describe_configs([topic]))
    ask(admin.describe_configs([broker]))
    ask(admin.alter_configs([ConfigResource(ConfigResource.Type.TOPIC, TOPIC, set_config={"retention.ms": "7200000"})]))
    change = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND)
    ask(
        admin.incremental_alter_configs(
            [ConfigResource(ConfigResource.Type.TOPIC, TOPIC, incremental_configs=[change])]
        )
    )


def rights(admin: AdminClient) -> None:
    ask(
        admin.create_acls(
            [
                AclBinding(
                    ResourceType.TOPIC,
                    "matr",
                    ResourcePatternType.PREFIXED,
                    "User:app",
                    "*",
                    AclOperation.READ,
                    AclPermissionType.ALLOW,
                )
            ]
        )
    )
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    ask(admin.describe_acls(every))
    ask(admin.delete_acls([every]))
    ask(
        admin.alter_user_scram_credentials(
            [
                UserScramCredentialUpsertion(
                    "app", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), sys.argv[2].encode()
                )
            ]
        )
    )
    ask(admin.describe_user_scram_credentials(["app", "stranger"]))
    ask(admin.alter_user_scram_credentials([UserScramCredentialDeletion("app", ScramMechanism.SCRAM_SHA_512)]))


def group_of(admin: AdminClient) -> int:
    seen = 0
    consumer = Consumer(
        {**BASE, "client.id": "reader", "group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([TOPIC])
    end = time.monotonic() + 20
    while seen < RECORDS and time.monotonic() < end:
        message = consumer.poll(0.2)
        seen += message is not None and message.error() is None
    consumer.commit(asynchronous=False)
    ask(admin.list_consumer_groups())
    ask(admin.describe_consumer_groups([GROUP, "none"], include_authorized_operations=True))
    ask(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)]))
    consumer.close()
    ask(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP, [TopicPartition(TOPIC, 0, 0)])]))
    ask(admin.delete_consumer_groups([GROUP]))
    return seen


def records(admin: AdminClient) -> None:
    specs = {
        FIRST: OffsetSpec.latest(),
        TopicPartition(TOPIC, 1): OffsetSpec.max_timestamp(),
        TopicPartition(TOPIC, 2): OffsetSpec.for_timestamp(1),
    }
    ask(admin.list_offsets(specs, isolation_level=IsolationLevel.READ_COMMITTED))
    ask(admin.delete_records([TopicPartition(TOPIC, 0, 2)]))
    ask(admin.elect_leaders(ElectionType.PREFERRED, [FIRST]))
    ask(admin.delete_topics([TOPIC]))


def main() -> None:
    admin = AdminClient({**BASE, "client.id": "admin"})
    topics(admin)
    configs(admin)
    rights(admin)
    producer = Producer({**BASE, "compression.type": "zstd"})
    for i in range(RECORDS):
        producer.produce(TOPIC, f"value {i}", f"key-{i}")
    producer.flush(20)
    consumed = group_of(admin)
    records(admin)
    print(json.dumps({"produced": RECORDS, "consumed": consumed}))


if __name__ == "__main__":
    main()
