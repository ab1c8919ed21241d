// segmentio/kafka-go, whose Writer sends an empty client id: kafka-go BOOTSTRAP
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
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

func adminCalls(ctx context.Context) {
	admin := &kafka.Client{Addr: kafka.TCP(os.Args[1])}
	_, err := admin.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: 3, ReplicationFactor: 1}, {Topic: "unused", NumPartitions: 1, ReplicationFactor: 1},
	}})
	must(err)
	_, err = admin.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	must(err)
	_, err = admin.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}}})
	must(err)
	_, err = admin.ListGroups(ctx, &kafka.ListGroupsRequest{})
	must(err)
	_, err = admin.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"unused"}})
	must(err)
}

func send(ctx context.Context, w *kafka.Writer) int {
	w.Addr, w.Topic, w.Balancer, w.BatchTimeout = kafka.TCP(os.Args[1]), topic, &kafka.Hash{}, 20*time.Millisecond
	var messages []kafka.Message
	for i := range records {
		messages = append(messages, kafka.Message{Key: fmt.Appendf(nil, "key-%d", i), Value: fmt.Appendf(nil, "value %d %s", i, strings.Repeat("x", 80))})
	}
	must(w.WriteMessages(ctx, messages...))
	must(w.Close())
	return records
}

func produce(ctx context.Context) (sent int) {
	for _, codec := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		sent += send(ctx, &kafka.Writer{Compression: codec, RequiredAcks: kafka.RequireAll})
	}
	for _, acks := range []kafka.RequiredAcks{kafka.RequireNone, kafka.RequireOne} {
		sent += send(ctx, &kafka.Writer{RequiredAcks: acks})
	}
	return sent
}

func consume(wanted int) (seen int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: os.Args[1:2], GroupID: "group", Topic: topic, StartOffset: kafka.FirstOffset, MaxWait: 500 * time.Millisecond})
	for seen < wanted {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			break
		}
		seen++
		if seen%50 == 0 || seen == wanted {
			must(reader.CommitMessages(ctx, message))
		}
	}
	must(reader.Close())
	return seen
}

func main() {
	ctx := context.Background()
	adminCalls(ctx)
	sent := produce(ctx)
	must(json.NewEncoder(os.Stdout).Encode(map[string]int{"produced": sent, "consumed": consume(sent)}))
}
