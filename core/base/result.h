// Operating errors are values. Programmer errors are FL_ASSERT (assert.h).
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace faultline {

// A closed list: one enumerator per decision a caller can take, not one per cause.
// The cause is in Error::sys and Error::where.
enum class Errc : std::uint16_t {
    cancelled,    // our stop token fired, or our node is dead: unwind, do not retry, do not log
    timed_out,    // the Deadline passed; the operation may or may not have happened
    closed,       // peer or we closed the connection or channel in an orderly way
    unreachable,  // connect failed, reset, no route: retry with back-off
    not_found,    // no such file, topic, offset
    exists,       // already there
    no_space,     // ENOSPC or EDQUOT: refuse writes, keep serving reads
    io,           // EIO or a failed fsync: the File is poisoned, see env/disk.h
    corrupt,      // bytes fail their checksum or their grammar
    too_large,    // over a stated limit
    busy,         // locked by another, or a bounded queue is full
    invalid,      // the caller's input is not allowed
    not_owner,    // this shard or node no longer owns the object: refresh the route
    fenced,       // a newer epoch exists: step down
};

// Exhaustive; returns the enumerator's name.
std::string_view to_string(Errc) noexcept;

// 16 bytes, trivially copyable, never allocates. `where` must be a string literal.
struct [[nodiscard]] Error {
    Errc code{};
    std::uint16_t sys = 0;   // errno or 0
    const char* where = "";  // "log.append", "net.connect"
    friend bool operator==(const Error& a, const Error& b) { return a.code == b.code; }
};

// "io at disk.sync (errno 5)"
std::string to_string(const Error&);

// A T or an Error. Dropping one is a compile error.
template <class T>
class [[nodiscard]] Result {
    std::expected<T, Error> v_;

public:
    Result() requires(std::is_void_v<T>) = default;
    template <class U>
    requires(!std::is_void_v<T> && std::is_constructible_v<T, U&&> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>) Result(U&& value)
        : v_(std::in_place, std::forward<U>(value)) {}  // NOLINT: implicit by design
    Result(Error e) : v_(std::unexpect, e) {}           // NOLINT: implicit by design

    [[nodiscard]] bool ok() const noexcept { return v_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }
    Error error() const { return v_.error(); }
    Errc code() const { return v_.error().code; }
    std::add_lvalue_reference_t<T> operator*() & { return *v_; }
    std::add_lvalue_reference_t<const T> operator*() const& { return *v_; }
    std::add_rvalue_reference_t<T> operator*() && { return *std::move(v_); }
    auto* operator->() { return v_.operator->(); }
    const auto* operator->() const { return v_.operator->(); }
};
}  // namespace faultline

// FL_TRY(auto conn, net.connect(addr, deadline));   assign, or return the error
// FL_CHECK(file->sync(SyncMode::data));             the same for Result<void>
#define FL_CAT_(a, b) a##b
#define FL_CAT(a, b) FL_CAT_(a, b)
#define FL_TRY(decl, ...) FL_TRY_(FL_CAT(fl_r_, __LINE__), decl, __VA_ARGS__)
#define FL_TRY_(tmp, decl, ...)        \
    auto&& tmp = (__VA_ARGS__);        \
    if (!tmp.ok()) return tmp.error(); \
    decl = *std::move(tmp)
#define FL_CHECK(...)                                                        \
    do {                                                                     \
        if (auto&& fl_r_ = (__VA_ARGS__); !fl_r_.ok()) return fl_r_.error(); \
    } while (false)
