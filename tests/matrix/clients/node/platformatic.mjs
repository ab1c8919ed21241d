// @platformatic/kafka: platformatic.mjs BOOTSTRAP GROUP_PROTOCOL...
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [bootstrap, ...protocols] = process.argv.slice(2)
const RECORDS = 40
const topic = 'matrix'
const base = { clientId: 'platformatic', bootstrapBrokers: [bootstrap] }
let produced = 0

async function adminCalls() {
  const admin = new Admin({ ...base, clientId: 'admin' })
  await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 })
  await admin.createTopics({ topics: ['unused'], partitions: 1, replicas: 1 })
  await admin.listTopics()
  await admin.listGroups()
  await admin.deleteTopics({ topics: ['unused'] })
  await admin.close()
}

async function produce() {
  const producer = new Producer({ ...base, serializers: stringSerializers })
  const messages = Array.from({ length: RECORDS }, (_, i) => ({ topic, key: `key-${i}`, value: `value ${i} ${'x'.repeat(80)}` }))
  for (const options of [{}, { compression: 'gzip' }, { acks: 0 }, { acks: 1 }, { acks: -1 }]) {
    await producer.send({ messages, ...options })
    produced += RECORDS
  }
  await producer.close()
  const idempotent = new Producer({ ...base, clientId: 'idempotent', serializers: stringSerializers, idempotent: true })
  await idempotent.send({ messages })
  produced += RECORDS
  await idempotent.close()
}

async function consume(groupProtocol) {
  const consumer = new Consumer({ ...base, groupId: `group-${groupProtocol}`, deserializers: stringDeserializers, maxWaitTime: 500, groupProtocol })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
  const deadline = setTimeout(() => stream.destroy(), 20_000)
  let consumed = 0
  for await (const message of stream) {
    consumed += 1
    if (consumed % 50 === 0 || consumed >= produced) await message.commit()
    if (consumed >= produced) break
  }
  clearTimeout(deadline)
  await consumer.close(true)
  return consumed
}

await adminCalls()
await produce()
const consumed = []
for (const protocol of protocols) consumed.push(await consume(protocol))
console.log(JSON.stringify({ produced, consumed: Math.min(...consumed) }))
process.exit(0)
