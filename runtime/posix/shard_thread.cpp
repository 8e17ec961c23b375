#include "runtime/posix/shard_thread.h"

#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/sanitizers.h"
#include "runtime/posix/stall_watch.h"

namespace faultline::posix {
namespace {
constexpr std::uint32_t kMainStackKib = 256;

Duration wall_offset() noexcept {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    const MonoTime mono = EpollDriver::clock();
    return Duration{wall.tv_sec * 1'000'000'000LL + wall.tv_nsec - mono.ns};
}

// A signal handler would have to unwind a fiber's stack that libgcc cannot see through, and the
// thread sanitizer delays signals: no stall reports there.
#if defined(FL_TSAN) || defined(FL_ASAN)
constexpr bool kWatchStalls = false;
#else
constexpr bool kWatchStalls = true;
#endif
}  // namespace

void NodeShared::end_all() noexcept {
    links.down = true;
    for (ShardThread* t : threads) t->die();
}

// SIGTERM, SIGINT and SIGHUP as events of shard 0. The handler runs on whichever thread does not
// block them (a logger's, the one that waits in Node::run()) and writes to a pipe. signalfd would
// not do: it needs every thread of the process to block them.
class ShardThread::SignalSource final : public EventSource {
public:
    explicit SignalSource(ShardThread& shard) : shard_(shard) {
        int ends[2] = {-1, -1};
        FL_ASSERT(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
        read_ = Fd(ends[0]);
        write_ = Fd(ends[1]);
        FL_ASSERT(shard.driver_.add(read_.get(), *this).ok());
        FL_ASSERT(pipe_end_.exchange(write_.get()) == -1);  // one node of a process has them
        struct sigaction action {};
        action.sa_handler = &SignalSource::on_signal;
        action.sa_flags = SA_RESTART | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        for (std::size_t i = 0; i < std::size(kSignals); ++i) {
            FL_ASSERT(::sigaction(kSignals[i], &action, &before_[i]) == 0);
        }
    }
    ~SignalSource() {
        for (std::size_t i = 0; i < std::size(kSignals); ++i) {
            (void)::sigaction(kSignals[i], &before_[i], nullptr);
        }
        pipe_end_ = -1;
    }
    void on_events(std::uint32_t) noexcept override {
        unsigned char number = 0;
        while (::read(read_.get(), &number, 1) == 1) {
            if (number == SIGHUP) {
                shard_.hang_up();
            } else {
                shard_.env_.log.info("signal {}: stopping", number);
                shard_.request_stop();
            }
        }
    }

private:
    static constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP};
    static void on_signal(int number) {
        const int saved = errno;
        const auto byte = static_cast<unsigned char>(number);
        (void)!::write(pipe_end_, &byte, 1);  // full: one is enough
        errno = saved;
    }
    static inline std::atomic<int> pipe_end_{-1};
    ShardThread& shard_;
    Fd read_, write_;
    struct sigaction before_[std::size(kSignals)]{};
};

ShardThread::ShardThread(ShardId self, NodeShared& shared, EpollDriver& driver, std::uint64_t seed,
                         std::unique_ptr<Logger> log)
    : shared_(shared),
      driver_(driver),
      log_(std::move(log)),
      scheduler_(driver),
      clock_(scheduler_),
      clock_control_(clock_),
      rng_(seed),
      network_(self, driver, shared.pool, shared.acceptor),
      shards_(self, shared.links),
      env_{.node = shared.options.node,
           .shard = self,
           .clock = clock_,
           .rng = rng_,
           .fibers = scheduler_,
           .net = network_,
           .disk = shared.disk,
           .shards = shards_,
           .probe = {shared.options.probes ? shared.options.probes(self) : nullptr,
                     shared.options.node, scheduler_.now_pointer()},
           .log = *log_},
      posted_(scheduler_) {
    driver_.add_inbox(*this);
    driver_.set_ticker([this](MonoTime now) { tick(now); });
    shards_.start(env_, posted_, domain_);
}

ShardThread::~ShardThread() { FL_ASSERT(!thread_.joinable()); }

void ShardThread::tick(MonoTime) noexcept { clock_control_.set_wall_offset(wall_offset()); }

void ShardThread::start(int processor, Node::Main first) {
    thread_ = std::thread([this, first = std::move(first)]() mutable {
        ::pthread_setname_np(::pthread_self(),
                             ("fl-shard-" + std::to_string(env_.shard.v)).c_str());
        thread_main(std::move(first));
    });
    if (processor >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<unsigned>(processor), &set);
        (void)::pthread_setaffinity_np(thread_.native_handle(), sizeof set, &set);
    }
}

void ShardThread::join() {
    if (thread_.joinable()) thread_.join();
}

void ShardThread::thread_main(Node::Main first) {
    // Handlers need room that fiber stacks may not have.
    sigset_t handled;
    sigemptyset(&handled);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, number);
    ::pthread_sigmask(SIG_BLOCK, &handled, nullptr);
    // The default rounds every sleep up by 50 microseconds.
    (void)::prctl(PR_SET_TIMERSLACK, 1000UL);
    clock_control_.set_wall_offset(wall_offset());
    if (kWatchStalls && shared_.options.stall_report.count() > 0) {
        watch_ = std::make_unique<StallWatch>(scheduler_, *log_, shared_.options.stall_report);
        driver_.set_stall_watch(watch_.get());
    }
    std::unique_ptr<SignalSource> signals;
    if (first && shared_.options.handle_signals) signals = std::make_unique<SignalSource>(*this);
    if (first) run_first(std::move(first));
    scheduler_.run();
    // What is left is killed where it is parked.
    if (!domain_.empty()) log_->warn("fibers of shard {} are unwound", env_.shard.v);
    scheduler_.kill(domain_);
    driver_.set_stall_watch(nullptr);
    watch_.reset();
}

void ShardThread::run_first(Node::Main first) {
    scheduler_.spawn({.name = "main", .stack_kib = kMainStackKib, .domain = &domain_},
                     [this, first = std::move(first)]() mutable {
                         first(env_, stop_.token());
                         wait_for_posted();
                         shared_.end_all();
                     });
}

void ShardThread::drain() noexcept {
    if (stop_requested_.exchange(false)) stop_.request_stop();
    if (hang_up_requested_.exchange(false) && shared_.options.on_hangup) {
        posted_.spawn({.name = "hangup", .domain = &domain_},
                      [this](fiber::StopToken) { shared_.options.on_hangup(env_); });
    }
    if (die_requested_.exchange(false)) scheduler_.stop();
}

// Posted closures may still post and answer calls, so no shard ends before all are quiet.
void ShardThread::wait_for_posted() {
    const Deadline deadline = clock_.in(shared_.options.grace);  // then they are killed
    while (!shared_.links.quiet() && scheduler_.now() < deadline.at) {
        (void)scheduler_.sleep_until(clock_.in(500us));
    }
}
}  // namespace faultline::posix
