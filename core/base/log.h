// Logging for people. No test parses a log line; what programs read is a probe event.
#pragma once
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace faultline {

enum class LogLevel : std::uint8_t {
    trace,
    debug,
    info,   // life cycle: at most one line per partition and state change
    warn,   // unusual, healed by itself
    error,  // the operator must act
};

// One per shard. Never log payloads, nor fields marked sensitive.
class Logger {
public:
    virtual ~Logger() = default;
    virtual void write(LogLevel, std::string_view line) = 0;

    bool enabled(LogLevel level) const noexcept { return level >= threshold_; }
    void set_threshold(LogLevel level) noexcept { threshold_ = level; }

    template <class... Args>
    void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
        if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
    }
    template <class... Args>
    void debug(fmt::format_string<Args...> f, Args&&... a) {
        log(LogLevel::debug, f, std::forward<Args>(a)...);
    }
    template <class... Args>
    void info(fmt::format_string<Args...> f, Args&&... a) {
        log(LogLevel::info, f, std::forward<Args>(a)...);
    }
    template <class... Args>
    void warn(fmt::format_string<Args...> f, Args&&... a) {
        log(LogLevel::warn, f, std::forward<Args>(a)...);
    }
    template <class... Args>
    void error(fmt::format_string<Args...> f, Args&&... a) {
        log(LogLevel::error, f, std::forward<Args>(a)...);
    }

private:
    LogLevel threshold_ = LogLevel::info;
};

// Drops everything: for tests and tools that do not care.
class NullLogger final : public Logger {
public:
    NullLogger() { set_threshold(LogLevel::error); }
    void write(LogLevel, std::string_view) override {}
};
}  // namespace faultline
