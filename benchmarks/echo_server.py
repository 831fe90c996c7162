"""A bare grpc.aio server that gives back what it gets: what an RPC costs before anything is done. Prints its port."""

import asyncio

import grpc
import grpc.aio

METHOD = "/benchmark.Echo/Echo"


async def _echo(request: bytes, _context: object) -> bytes:
    return request


async def main() -> None:
    """Serve until killed."""
    _, service, method = METHOD.split("/")
    handlers = grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(_echo)})
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
