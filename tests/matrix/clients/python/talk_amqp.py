"""Publishes to a queue and reads it. talk_amqp.py PORT"""

import sys

import pika

connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(sys.argv[1])))
channel = connection.channel()
channel.queue_declare("matrix")
for n in range(50):
    channel.basic_publish("", "matrix", bytes([0, 0, 0, n]) * n)
for _ in range(50):
    method, _, body = channel.basic_get("matrix", auto_ack=True)
    assert method is not None
connection.close()
