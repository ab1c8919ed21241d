"""A gRPC server and its client in one process: unary calls and a stream. talk_grpc.py PORT"""

import sys
from concurrent import futures

import grpc

ADDRESS = f"127.0.0.1:{sys.argv[1]}"


class Echo(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method.endswith("/One"):
            return grpc.unary_unary_rpc_method_handler(lambda request, _: request)
        return grpc.unary_stream_rpc_method_handler(lambda request, _: iter([request] * 20))


server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Echo()])
server.add_insecure_port(ADDRESS)
server.start()
with grpc.insecure_channel(ADDRESS) as channel:
    for n in range(50):
        channel.unary_unary("/matrix.Echo/One")(b"\0\0\0\x01" * n)
    assert len(list(channel.unary_stream("/matrix.Echo/Many")(b"x" * 500))) == 20
server.stop(0).wait()
