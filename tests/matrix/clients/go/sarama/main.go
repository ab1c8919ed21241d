// IBM/sarama with its default version and as of 4.0: sarama BOOTSTRAP
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

const (
	records = 40
	topic   = "matrix"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func config(version sarama.KafkaVersion) *sarama.Config {
	c := sarama.NewConfig()
	c.Version = version
	c.Producer.Return.Successes = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}

func adminCalls(c *sarama.Config) {
	admin, err := sarama.NewClusterAdmin(os.Args[1:2], c)
	must(err)
	for _, name := range []string{topic, "transacted", "unused"} {
		must(admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false))
	}
	_, err = admin.ListTopics()
	must(err)
	_, err = admin.DescribeTopics([]string{topic})
	must(err)
	_, err = admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
	must(err)
	_, err = admin.ListConsumerGroups()
	must(err)
	must(admin.CreatePartitions("unused", 4, nil, false))
	must(admin.DeleteTopic("unused"))
	must(admin.Close())
}

func message(topic string, i int) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{
		Topic: topic, Key: sarama.StringEncoder(fmt.Sprintf("key-%d", i)), Value: sarama.StringEncoder(fmt.Sprintf("value %d %s", i, strings.Repeat("x", 80))),
	}
}

func send(c *sarama.Config) int {
	producer, err := sarama.NewSyncProducer(os.Args[1:2], c)
	must(err)
	var batch []*sarama.ProducerMessage
	for i := range records {
		batch = append(batch, message(topic, i))
	}
	must(producer.SendMessages(batch))
	must(producer.Close())
	return records
}

func produce(version sarama.KafkaVersion) (sent int) {
	for _, codec := range []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	} {
		c := config(version)
		c.Producer.Compression = codec
		sent += send(c)
	}
	for _, acks := range []sarama.RequiredAcks{sarama.NoResponse, sarama.WaitForLocal, sarama.WaitForAll} {
		c := config(version)
		c.Producer.RequiredAcks = acks
		sent += send(c)
	}
	return sent
}

func transactions(version sarama.KafkaVersion) {
	c := config(version)
	c.ClientID = "transactional"
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Transaction.ID = "tx-matrix"
	c.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(os.Args[1:2], c)
	must(err)
	for i := range 3 {
		must(producer.BeginTxn())
		_, _, err = producer.SendMessage(message("transacted", i))
		must(err)
		if i == 2 {
			must(producer.AbortTxn())
		} else {
			must(producer.CommitTxn())
		}
	}
	must(producer.Close())
}

type reader struct {
	seen   chan<- int
	wanted int
}

func (reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (r reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		session.MarkMessage(m, "")
		r.seen <- 1
	}
	return nil
}

func consume(version sarama.KafkaVersion, wanted int) (total int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	group, err := sarama.NewConsumerGroup(os.Args[1:2], "group-"+version.String(), config(version))
	must(err)
	seen := make(chan int)
	go func() {
		for ctx.Err() == nil {
			if group.Consume(ctx, []string{topic}, reader{seen, wanted}) != nil {
				break
			}
		}
		close(seen)
	}()
	for range seen {
		total++
		if total == wanted {
			cancel()
		}
	}
	must(group.Close())
	return total
}

func main() {
	old, current := sarama.DefaultVersion, sarama.V4_0_0_0
	adminCalls(config(current))
	sent := produce(old) + produce(current)
	transactions(current)
	seen := min(consume(old, sent), consume(current, sent))
	must(json.NewEncoder(os.Stdout).Encode(map[string]int{"produced": sent, "consumed": seen}))
}
