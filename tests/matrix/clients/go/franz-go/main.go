// franz-go: franz-go BOOTSTRAP GROUP...; a group is "classic", "consumer" (KIP-848), "share" (KIP-932) or the name of a balancer
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
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

func client(options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(os.Args[1])}, options...)...)
	must(err)
	return c
}

func adminCalls(ctx context.Context) {
	admin := kadm.NewClient(client(kgo.ClientID("admin")))
	defer admin.Close()
	_, err := admin.CreateTopics(ctx, 3, 1, nil, topic, "transacted", "unused")
	must(err)
	_, err = admin.ListTopics(ctx)
	must(err)
	_, err = admin.DescribeTopicConfigs(ctx, topic)
	must(err)
	_, err = admin.ListEndOffsets(ctx, topic)
	must(err)
	_, err = admin.ListGroups(ctx)
	must(err)
	_, err = admin.DescribeAllLogDirs(ctx, nil)
	must(err)
	_, err = admin.CreatePartitions(ctx, 1, "unused")
	must(err)
	_, err = admin.DeleteTopics(ctx, "unused")
	must(err)
}

func send(ctx context.Context, topic string, options ...kgo.Opt) int {
	c := client(options...)
	defer c.Close()
	sendWith(ctx, c, topic)
	return records
}

func sendWith(ctx context.Context, c *kgo.Client, topic string) {
	for i := range records {
		record := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "key-%d", i), Value: fmt.Appendf(nil, "value %d %s", i, strings.Repeat("x", 80))}
		if i%2 == 0 {
			record.Headers = []kgo.RecordHeader{{Key: "trace", Value: []byte("h")}}
		}
		c.Produce(ctx, record, func(_ *kgo.Record, err error) { must(err) })
	}
	must(c.Flush(ctx))
}

func produce(ctx context.Context) (sent int) {
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		sent += send(ctx, topic, kgo.ProducerBatchCompression(codec))
	}
	for _, acks := range []kgo.Acks{kgo.NoAck(), kgo.LeaderAck(), kgo.AllISRAcks()} {
		sent += send(ctx, topic, kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())
	}
	return sent
}

func transactions(ctx context.Context) {
	c := client(kgo.ClientID("transactional"), kgo.TransactionalID("tx-matrix"))
	defer c.Close()
	for i := range 3 {
		must(c.BeginTransaction())
		sendWith(ctx, c, "transacted")
		must(c.EndTransaction(ctx, kgo.TransactionEndTry(i != 2)))
	}
}

var balancers = map[string]kgo.GroupBalancer{
	"range":              kgo.RangeBalancer(),
	"round-robin":        kgo.RoundRobinBalancer(),
	"sticky":             kgo.StickyBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

func consume(protocol string, wanted int) (seen int) {
	options := []kgo.Opt{
		kgo.ConsumerGroup("group-" + protocol), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500 * time.Millisecond),
	}
	if protocol == "consumer" {
		options = append(options, kgo.WithContext(context.WithValue(context.Background(), "opt_in_kafka_next_gen_balancer_beta", true))) //nolint:staticcheck
	}
	balancer, balanced := balancers[protocol]
	if balanced {
		options = append(options, kgo.Balancers(balancer), kgo.HeartbeatInterval(300*time.Millisecond))
	}
	c := client(options...)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for seen < wanted && ctx.Err() == nil {
		seen += c.PollFetches(ctx).NumRecords()
		must(c.CommitUncommittedOffsets(ctx))
	}
	if balanced {
		second := client(options...)
		poll(2500*time.Millisecond, c, second)
		second.LeaveGroup()
		poll(1500*time.Millisecond, c)
		second.Close()
	}
	return seen
}

func poll(length time.Duration, members ...*kgo.Client) {
	for end := time.Now().Add(length); time.Now().Before(end); {
		for _, member := range members {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			member.PollFetches(ctx)
			cancel()
		}
	}
}

func fromEarliest(ctx context.Context, c *kgo.Client, group string) {
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = "share.auto.offset.reset", kmsg.StringPtr("earliest")
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	resource.Configs = append(resource.Configs, config)
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	_, err := request.RequestWith(ctx, c)
	must(err)
}

// Accepts, releases at the first time, and rejects.
func share(wanted int) (done int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c := client(kgo.ClientID("share"), kgo.ShareGroup("group-share"), kgo.ConsumeTopics(topic))
	defer c.Close()
	fromEarliest(ctx, c, "group-share")
	for done < wanted && ctx.Err() == nil {
		c.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			switch {
			case r.Offset%10 == 3 && r.DeliveryCount() == 1:
				r.Ack(kgo.AckRelease)
				return
			case r.Offset%10 == 7:
				r.Ack(kgo.AckReject)
			default:
				r.Ack(kgo.AckAccept)
			}
			done++
		})
	}
	must(c.FlushAcks(ctx))
	return done
}

func main() {
	ctx := context.Background()
	adminCalls(ctx)
	sent := produce(ctx)
	transactions(ctx)
	seen := sent
	for _, protocol := range os.Args[2:] {
		if protocol == "share" {
			seen = min(seen, share(sent))
		} else {
			seen = min(seen, consume(protocol, sent))
		}
	}
	must(json.NewEncoder(os.Stdout).Encode(map[string]int{"produced": sent, "consumed": seen}))
}
