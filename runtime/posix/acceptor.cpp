#include "runtime/posix/acceptor.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "core/base/assert.h"
#include "runtime/posix/errors.h"
#include "runtime/posix/socket_connection.h"

namespace faultline::posix {
namespace {
constexpr int kBacklog = 1024;
constexpr Duration kPause = 50ms;

void reset_and_close(Fd fd) {
    const linger reset{1, 0};
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}
}  // namespace

Acceptor::Acceptor(SysCalls& sys) : sys_(sys), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    FL_ASSERT(wake_.valid());
}

Acceptor::~Acceptor() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
}

void Acceptor::wake() noexcept {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);  // fails only when it is set already
}

Result<Fd> Acceptor::open_listener(const sockaddr_storage& addr, socklen_t len) {
    Fd fd(::socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return net_error(errno, "net.listen");
    const int on = 1;
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&addr), len) != 0 ||
        ::listen(fd.get(), kBacklog) != 0) {
        return net_error(errno, "net.listen");
    }
    return fd;
}

Result<std::shared_ptr<ListenPoint>> Acceptor::join(const sockaddr_storage& addr, socklen_t len,
                                                    const std::shared_ptr<ListenMember>& member) {
    const Endpoint wanted = endpoint_of(addr);
    const std::lock_guard lock(mutex_);
    for (const auto& point : points_) {
        if (point->local_ != wanted) continue;
        for (const auto& m : point->members_) {
            if (m->shard == member->shard) return Error{Errc::busy, EADDRINUSE, "net.listen"};
        }
        point->members_.push_back(member);
        return point;
    }
    FL_TRY(Fd fd, open_listener(addr, len));
    sockaddr_storage real{};
    socklen_t real_len = sizeof real;
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&real), &real_len) != 0) {
        return net_error(errno, "net.listen");
    }
    auto point = std::make_shared<ListenPoint>();
    point->fd_ = std::move(fd);
    point->local_ = endpoint_of(real);
    point->members_.push_back(member);
    points_.push_back(point);
    if (!thread_.joinable()) thread_ = std::thread([this] { thread_main(); });
    wake();
    return point;
}

void Acceptor::leave(const std::shared_ptr<ListenPoint>& point, ListenMember& member) {
    std::deque<Accepted> orphans;
    {
        const std::lock_guard lock(mutex_);
        orphans.swap(member.queue_);
        std::erase_if(point->members_, [&](const auto& m) { return m.get() == &member; });
        if (point->members_.empty()) {
            // The thread's poll() may hold the socket a little longer; this ends it now.
            (void)::shutdown(point->fd_.get(), SHUT_RDWR);
            point->fd_ = Fd{};
            std::erase(points_, point);
        } else {
            for (Accepted& a : orphans) {
                ListenMember& heir = *point->members_[point->next_++ % point->members_.size()];
                heir.live->fetch_add(1, std::memory_order_relaxed);
                heir.queue_.push_back(std::move(a));
                heir.driver.ring();
            }
            orphans.clear();
        }
    }
    wake();
    for (Accepted& a : orphans) reset_and_close(std::move(a.fd));
}

Result<bool> Acceptor::take(ListenMember& member, Accepted& out) {
    bool was_full = false;
    {
        const std::lock_guard lock(mutex_);
        if (member.queue_.empty()) {
            if (!std::exchange(member.exhausted_, false)) return false;
            return Error{Errc::no_space, EMFILE, "net.accept"};
        }
        was_full = member.queue_.size() >= ListenMember::kQueue;
        out = std::move(member.queue_.front());
        member.queue_.pop_front();
    }
    if (was_full) wake();
    return true;
}

void Acceptor::accept_from(ListenPoint& point, MonoTime now) {
    while (true) {
        // The member with the fewest connections; among equals they take turns.
        ListenMember* best = nullptr;
        for (std::size_t i = 0; i < point.members_.size(); ++i) {
            ListenMember& m = *point.members_[(point.next_ + i) % point.members_.size()];
            if (m.queue_.size() >= ListenMember::kQueue) continue;
            if (best == nullptr || *m.live < *best->live) best = &m;
        }
        point.full_ = best == nullptr;
        if (best == nullptr) return;
        sockaddr_storage addr{};
        socklen_t len = sizeof addr;
        Fd fd(sys_.accept4(point.fd_.get(), reinterpret_cast<sockaddr*>(&addr), &len,
                           SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd.valid()) {
            ++point.next_;
            best->live->fetch_add(1, std::memory_order_relaxed);
            best->queue_.push_back({std::move(fd), endpoint_of(addr)});
            best->driver.ring();
            continue;
        }
        switch (errno) {
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM:
                // The connection stays in the kernel's queue; whoever accepts is told.
                point.paused_until_ = now + kPause;
                for (const auto& m : point.members_) {
                    m->exhausted_ = true;
                    m->driver.ring();
                }
                return;
            case EINTR:
            case ECONNABORTED:  // it went away again
            case EPROTO: continue;
            default: return;  // EAGAIN: that was all
        }
    }
}

void Acceptor::thread_main() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), "fl-accept");
    std::vector<pollfd> fds;
    std::unique_lock lock(mutex_);
    while (!closing_) {
        const MonoTime now = EpollDriver::clock();
        int timeout_ms = -1;
        fds.assign(1, {wake_.get(), POLLIN, 0});
        for (const auto& point : points_) {
            if (point->paused_until_ <= now) accept_from(*point, now);
            if (point->paused_until_ > now) {
                const auto wait = (point->paused_until_ - now).count() / 1'000'000 + 1;
                timeout_ms = static_cast<int>(wait);
            } else if (!point->full_) {
                fds.push_back({point->fd_.get(), POLLIN, 0});
            }
        }
        lock.unlock();
        (void)::poll(fds.data(), fds.size(), timeout_ms);
        if (fds[0].revents != 0) {
            std::uint64_t count = 0;
            (void)!::read(wake_.get(), &count, sizeof count);
        }
        lock.lock();
    }
}
}  // namespace faultline::posix
