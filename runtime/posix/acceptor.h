// One thread that accepts for all shards of a node, and deals the connections out.
#pragma once
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "core/base/ids.h"
#include "core/env/net.h"
#include "runtime/posix/epoll_driver.h"
#include "runtime/posix/fd.h"
#include "runtime/posix/syscalls.h"

namespace faultline::posix {

struct Accepted {
    Fd fd;
    Endpoint peer;
};

// One shard's share of a listening address.
class ListenMember final : public Inbox {
public:
    static constexpr std::size_t kQueue = 128;
    ListenMember(ShardId s, EpollDriver& d) : shard(s), driver(d) {}
    void drain() noexcept override {
        if (waiter != nullptr) waiter->wake();
    }
    const ShardId shard;
    EpollDriver& driver;
    fiber::Waiter* waiter = nullptr;  // of the shard's thread alone
    // Connections that were dealt to this shard and still exist.
    const std::shared_ptr<std::atomic<int>> live = std::make_shared<std::atomic<int>>(0);

private:
    friend class Acceptor;
    std::deque<Accepted> queue_;  // under the acceptor's mutex
    bool exhausted_ = false;
};

class ListenPoint;  // a listening socket and its members

// Why a thread: a shard that is busy must not keep connections from the others, and the kernel's
// own spreading (SO_REUSEPORT) is not even for a few long-lived connections; see docs/adr/0013.
// The thread starts with the first listener.
class Acceptor {
public:
    explicit Acceptor(SysCalls& sys);
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    // Listens on `addr`, or joins what another shard listens on there. Each new connection goes to
    // the member with the fewest. busy: taken, or this shard listens there already.
    Result<std::shared_ptr<ListenPoint>> join(const sockaddr_storage& addr, socklen_t len,
                                              const std::shared_ptr<ListenMember>& member);
    // The members that stay get what is queued; after the last, the socket is closed and what is
    // queued is reset.
    void leave(const std::shared_ptr<ListenPoint>& point, ListenMember& member);
    // Nothing queued: false. no_space: out of descriptors since the last call.
    Result<bool> take(ListenMember& member, Accepted& out);

private:
    Result<Fd> open_listener(const sockaddr_storage& addr, socklen_t len);
    void thread_main();
    void accept_from(ListenPoint& point, MonoTime now);
    void wake() noexcept;

    SysCalls& sys_;
    // Of all points and member queues. Taken by shards per connection, never on the data path.
    std::mutex mutex_;
    std::vector<std::shared_ptr<ListenPoint>> points_;
    bool closing_ = false;
    Fd wake_;
    std::thread thread_;
};

class ListenPoint {
public:
    const Endpoint& local() const noexcept { return local_; }

private:
    friend class Acceptor;
    Fd fd_;
    Endpoint local_;
    std::vector<std::shared_ptr<ListenMember>> members_;
    std::size_t next_ = 0;     // ties go round
    MonoTime paused_until_{};  // after running out of descriptors
    bool full_ = false;        // every member's queue is
};
}  // namespace faultline::posix
