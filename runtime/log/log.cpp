#include "runtime/log/log.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <mutex>
#include <unistd.h>

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include "runtime/log/repeat_limit.h"

namespace faultline::log {
namespace {

constexpr std::size_t kQueueLines = 8192;

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::trace: return spdlog::level::trace;
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warn: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

// Writes whole lines to a descriptor. The mutex of base_sink orders the writer thread and reopen.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit DescriptorSink(std::string file) : file_(std::move(file)) {}
    ~DescriptorSink() override {
        if (!file_.empty() && fd_ >= 0) ::close(fd_);
    }

    Result<void> open() {
        const std::lock_guard lock(mutex_);
        if (file_.empty()) {
            fd_ = STDERR_FILENO;
            return {};
        }
        const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0) return Error{Errc::io, static_cast<std::uint16_t>(errno), "log.open"};
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
        return {};
    }
    bool is_terminal() const { return ::isatty(fd_) != 0; }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        // Best effort: there is nowhere to report a full disk of the log itself.
        std::size_t done = 0;
        while (done < line.size()) {
            const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
            if (n <= 0 && errno != EINTR) return;
            if (n > 0) done += static_cast<std::size_t>(n);
        }
    }
    void flush_() override {}

    std::string file_;
    int fd_ = -1;
};

// The level names padded to one width, with colours on a terminal.
class LevelName final : public spdlog::custom_flag_formatter {
public:
    explicit LevelName(bool color) : color_(color) {}
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        std::string_view name = "trace";
        std::string_view color = "\x1b[2m";
        switch (message.level) {
            case spdlog::level::debug: name = "debug"; break;
            case spdlog::level::info: name = "info ", color = "\x1b[32m"; break;
            case spdlog::level::warn: name = "warn ", color = "\x1b[33m"; break;
            case spdlog::level::err:
            case spdlog::level::critical: name = "error", color = "\x1b[31m"; break;
            default: break;
        }
        constexpr std::string_view kOff = "\x1b[0m";
        if (color_) out.append(color.data(), color.data() + color.size());
        out.append(name.data(), name.data() + name.size());
        if (color_) out.append(kOff.data(), kOff.data() + kOff.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<LevelName>(color_);
    }

private:
    bool color_;
};

class ShardLogger final : public Logger {
public:
    ShardLogger(std::shared_ptr<spdlog::logger> out, std::string prefix, LogLevel level)
        : out_(std::move(out)), prefix_(std::move(prefix)) {
        set_threshold(level);
    }

    void write(LogLevel level, std::string_view line) override {
        std::uint64_t dropped = 0;
        if (level == LogLevel::warn) {
            const auto admitted = limit_.admit(line, std::chrono::steady_clock::now());
            if (!admitted) return;
            dropped = *admitted;
        }
        if (dropped > 0) {
            out_->log(to_spdlog(level), "{}{} ({} like it left out)", prefix_, line, dropped);
        } else {
            out_->log(to_spdlog(level), "{}{}", prefix_, line);
        }
    }

private:
    std::shared_ptr<spdlog::logger> out_;
    std::string prefix_;
    RepeatLimit limit_;
};
}  // namespace

struct Log::Impl {
    Options options;
    std::shared_ptr<DescriptorSink> sink;
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> out;
};

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// The pool's thread ends after it has written what is queued.
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(Options options) {
    auto impl = std::make_unique<Impl>();
    impl->sink = std::make_shared<DescriptorSink>(options.file);
    FL_CHECK(impl->sink->open());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    const bool color = impl->sink->is_terminal() && std::getenv("NO_COLOR") == nullptr;
    formatter->add_flag<LevelName>('*', color).set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %* %v");
    impl->sink->set_formatter(std::move(formatter));
    impl->pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
    impl->out = std::make_shared<spdlog::async_logger>(
        "faultline", impl->sink, impl->pool, spdlog::async_overflow_policy::overrun_oldest);
    impl->out->set_level(spdlog::level::trace);  // each Logger has its own threshold
    impl->options = std::move(options);
    return std::unique_ptr<Log>(new Log(std::move(impl)));
}

std::unique_ptr<Logger> Log::logger(NodeId node, ShardId shard) {
    return std::make_unique<ShardLogger>(impl_->out, fmt::format("[n{} s{}] ", node.v, shard.v),
                                         impl_->options.level);
}

std::unique_ptr<Logger> Log::logger() {
    return std::make_unique<ShardLogger>(impl_->out, "", impl_->options.level);
}

Result<void> Log::reopen() {
    if (impl_->options.file.empty()) return {};
    return impl_->sink->open();
}
}  // namespace faultline::log
