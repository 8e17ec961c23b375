#include "runtime/posix/socket_network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include "core/base/assert.h"
#include "runtime/posix/errors.h"

namespace faultline::posix {
namespace {

class SocketListener final : public Listener {
public:
    SocketListener(Acceptor& acceptor, std::shared_ptr<ListenPoint> point,
                   std::shared_ptr<ListenMember> member, ReceiveRoom& room)
        : acceptor_(acceptor), point_(std::move(point)), member_(std::move(member)), room_(room) {}
    ~SocketListener() override {
        FL_ASSERT(member_->waiter == nullptr);
        acceptor_.leave(point_, *member_);
        member_->driver.remove_inbox(*member_);
    }
    Result<ConnectionPtr> accept(fiber::StopToken stop) override {
        while (true) {
            Accepted next;
            FL_TRY(const bool got, acceptor_.take(*member_, next));
            if (got)
                return SocketConnection::make(std::move(next.fd), next.peer, room_, member_->live);
            fiber::Waiter waiter;
            struct Parked {
                fiber::Waiter*& slot;
                ~Parked() { slot = nullptr; }
            } parked{member_->waiter};
            FL_ASSERT(member_->waiter == nullptr);  // one fiber accepts
            member_->waiter = &waiter;
            if (waiter.park({}, stop) == fiber::Wake::cancelled) {
                return Error{Errc::cancelled, 0, "net.accept"};
            }
        }
    }
    const Endpoint& local() const noexcept override { return point_->local(); }

private:
    Acceptor& acceptor_;
    std::shared_ptr<ListenPoint> point_;
    std::shared_ptr<ListenMember> member_;
    ReceiveRoom& room_;
};

// A socket on its way to being connected.
class Connecting final : public EventSource {
public:
    void on_events(std::uint32_t) noexcept override { waiter.wake(); }
    fiber::Waiter waiter;
};
}  // namespace

Endpoint endpoint_of(const sockaddr_storage& addr) {
    char text[INET6_ADDRSTRLEN] = "";
    if (addr.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &addr, sizeof in);
        ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
        return {text, ntohs(in.sin6_port)};
    }
    sockaddr_in in{};
    std::memcpy(&in, &addr, sizeof in);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return {text, ntohs(in.sin_port)};
}

Result<std::vector<SocketNetwork::Address>> SocketNetwork::resolve(const Endpoint& to,
                                                                   bool to_listen,
                                                                   Deadline deadline,
                                                                   fiber::StopToken stop) {
    struct Answer {
        int err = 0;
        std::vector<Address> found;
    };
    const auto look_up = [host = to.host, port = to.port, to_listen](int flags) {
        addrinfo hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = flags | AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0);
        addrinfo* list = nullptr;
        Answer a;
        a.err = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
        for (const addrinfo* i = list; a.err == 0 && i != nullptr; i = i->ai_next) {
            Address& out = a.found.emplace_back();
            std::memcpy(&out.addr, i->ai_addr, i->ai_addrlen);
            out.len = i->ai_addrlen;
        }
        if (list != nullptr) ::freeaddrinfo(list);
        return a;
    };
    if (to.host.empty()) {
        if (!to_listen) return Error{Errc::unreachable, 0, "net.resolve"};
        return resolve({"0.0.0.0", to.port}, to_listen, deadline, stop);
    }
    Answer a = look_up(AI_NUMERICHOST);
    if (a.err == EAI_NONAME) {  // not a number: ask the resolver, which may take seconds
        FL_TRY(a, pool_.run(
                      BlockingPool::Lane::quick, [look_up] { return look_up(0); }, deadline, stop));
    }
    if (a.err == 0 && !a.found.empty()) return std::move(a.found);
    return Error{to_listen ? Errc::invalid : Errc::unreachable, 0, "net.resolve"};
}

Result<ConnectionPtr> SocketNetwork::connect(const Endpoint& to, Deadline deadline,
                                             fiber::StopToken stop) {
    FL_TRY(const auto addresses, resolve(to, false, deadline, stop));
    Error last{Errc::unreachable, 0, "net.connect"};
    for (const Address& a : addresses) {
        auto connected = connect_to(a, deadline, stop);
        if (connected.ok()) return connected;
        last = connected.error();
        if (last.code == Errc::timed_out || last.code == Errc::cancelled) return last;
    }
    return last;
}

Result<ConnectionPtr> SocketNetwork::connect_to(const Address& to, Deadline deadline,
                                                fiber::StopToken stop) {
    Fd fd(::socket(to.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return net_error(errno, "net.connect");
    Connecting progress;
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.addr), to.len) != 0) {
        if (errno != EINPROGRESS && errno != EINTR) return net_error(errno, "net.connect");
        FL_CHECK(driver_.add(fd.get(), progress));
        const auto wake = progress.waiter.park(deadline, stop);
        driver_.remove(fd.get());
        if (wake == fiber::Wake::timed_out) return Error{Errc::timed_out, 0, "net.connect"};
        if (wake == fiber::Wake::cancelled) return Error{Errc::cancelled, 0, "net.connect"};
        int err = 0;
        socklen_t len = sizeof err;
        if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &err, &len) != 0) err = errno;
        if (err != 0) return net_error(err, "net.connect");
    }
    return SocketConnection::make(std::move(fd), endpoint_of(to.addr), room_, nullptr);
}

Result<std::unique_ptr<Listener>> SocketNetwork::listen(const Endpoint& at) {
    FL_TRY(const auto addresses, resolve(at, true, {}, {}));
    auto member = std::make_shared<ListenMember>(self_, driver_);
    FL_TRY(auto point, acceptor_.join(addresses[0].addr, addresses[0].len, member));
    driver_.add_inbox(*member);
    return std::unique_ptr<Listener>(
        std::make_unique<SocketListener>(acceptor_, std::move(point), std::move(member), room_));
}
}  // namespace faultline::posix
