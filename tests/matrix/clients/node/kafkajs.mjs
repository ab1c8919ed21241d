// KafkaJS: kafkajs.mjs BOOTSTRAP
import kafkajs from 'kafkajs'

const { CompressionTypes, Kafka, logLevel } = kafkajs
const [bootstrap] = process.argv.slice(2)
const RECORDS = 40
const topic = 'matrix'
const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
const messages = Array.from({ length: RECORDS }, (_, i) => ({ key: `key-${i}`, value: `value ${i} ${'x'.repeat(80)}`, headers: i % 2 ? { trace: 'h' } : {} }))
let produced = 0

async function adminCalls() {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }, { topic: 'transacted' }, { topic: 'unused' }], waitForLeaders: true })
  await admin.listTopics()
  await admin.describeCluster()
  await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] })
  await admin.createPartitions({ topicPartitions: [{ topic: 'unused', count: 4 }] })
  await admin.fetchTopicOffsets(topic)
  await admin.listGroups()
  await admin.deleteTopics({ topics: ['unused'] })
  await admin.disconnect()
}

async function produce() {
  const producer = kafka.producer()
  await producer.connect()
  // The other codecs are packages of others.
  for (const options of [{}, { compression: CompressionTypes.GZIP }, { acks: 0 }, { acks: 1 }]) {
    await producer.send({ topic, messages, ...options })
    produced += RECORDS
  }
  await producer.disconnect()
}

async function transactions() {
  const producer = kafka.producer({ transactionalId: 'tx-matrix', idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const abort of [false, false, true]) {
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'transacted', messages: [{ key: 'tx', value: 'value' }] })
    await transaction.sendOffsets({ consumerGroupId: 'group-tx', topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }] })
    await (abort ? transaction.abort() : transaction.commit())
  }
  await producer.disconnect()
}

async function consume() {
  const consumer = kafka.consumer({ groupId: 'group', maxWaitTimeInMs: 500 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  let consumed = 0
  await new Promise(resolve => {
    const deadline = setTimeout(resolve, 20_000)
    consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        consumed += batch.messages.length
        await consumer.commitOffsets([{ topic, partition: batch.partition, offset: String(Number(batch.lastOffset()) + 1) }])
        if (consumed >= produced) {
          clearTimeout(deadline)
          setTimeout(resolve, 300)
        }
      },
    })
  })
  await consumer.disconnect()
  return consumed
}

await adminCalls()
await produce()
await transactions()
console.log(JSON.stringify({ produced, consumed: await consume() }))
process.exit(0)
