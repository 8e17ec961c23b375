// TCP for one shard. IPv4 and IPv6; names are resolved in the pool.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/env/net.h"
#include "runtime/posix/acceptor.h"
#include "runtime/posix/blocking_pool.h"
#include "runtime/posix/socket_connection.h"

namespace faultline::posix {

class SocketNetwork final : public Network {
public:
    SocketNetwork(ShardId self, EpollDriver& driver, BlockingPool& pool, Acceptor& acceptor)
        : self_(self), driver_(driver), pool_(pool), acceptor_(acceptor) {}
    // Tries every address of the host in the resolver's order.
    Result<ConnectionPtr> connect(const Endpoint&, Deadline, fiber::StopToken) override;
    // Every shard of a node that listens on the same endpoint gets its share of the connections.
    // An empty host: all addresses. Parks while a name is resolved.
    Result<std::unique_ptr<Listener>> listen(const Endpoint&) override;

private:
    struct Address {
        sockaddr_storage addr{};
        socklen_t len = 0;
    };
    Result<std::vector<Address>> resolve(const Endpoint&, bool to_listen, Deadline,
                                         fiber::StopToken);
    Result<ConnectionPtr> connect_to(const Address&, Deadline, fiber::StopToken);

    ShardId self_;
    EpollDriver& driver_;
    BlockingPool& pool_;
    Acceptor& acceptor_;
    ReceiveRoom room_;
};
}  // namespace faultline::posix
