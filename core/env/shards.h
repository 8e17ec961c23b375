// The only road between shards of a node: move a closure, wait for a value.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/ids.h"
#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/fiber/scheduler.h"

namespace faultline {
struct Env;
struct Unit {};  // the result of a call() that has nothing to say

// What may be the result of call(): values without shard-bound handles. Pointers, references,
// Connection, Mutex do not compile. Specialise for a type whose members all may cross.
template <class T>
inline constexpr bool crosses_shards = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>;
template <>
inline constexpr bool crosses_shards<std::string> = true;
template <>
inline constexpr bool crosses_shards<IoBuf> = true;
template <class T>
inline constexpr bool crosses_shards<Result<T>> = std::is_void_v<T> || crosses_shards<T>;

class Shards {
public:
    using Task = std::move_only_function<void(Env&)>;
    virtual ~Shards() = default;
    virtual unsigned count() const noexcept = 0;
    virtual ShardId self() const noexcept = 0;
    // Runs `fn` in a fresh fiber of `to` (also when `to` is this shard). A bounded mailbox per pair
    // of shards: parks the caller while it is full. First in, first out per pair, no order across
    // pairs. cancelled when the node is going down: then `fn` is dropped, maybe unrun.
    virtual Result<void> post(ShardId to, Task fn) = 0;

    // Request and response. The reply travels back as a post, so the target may post but never
    // call() in turn (asserted). A timed-out caller abandons the reply safely.
    // cancelled, timed_out; else what `fn(Env&)` returned.
    template <class F, class R = std::invoke_result_t<F&, Env&>>
    Result<R> call(ShardId to, Deadline deadline, F fn);

private:
    struct CallMark {  // set while a closure that came by call() runs in the current fiber
        static void check_not_inside();
        CallMark();
        ~CallMark();
    };
};

// The way back of call(): posts to `home`; dropped when the node is going down.
void answer_call(Env& env, ShardId home, Shards::Task reply);

template <class F, class R>
Result<R> Shards::call(ShardId to, Deadline deadline, F fn) {
    static_assert(!std::is_void_v<R>, "return Unit or a value");
    static_assert(crosses_shards<R>, "this result may not leave its shard");
    struct Reply {  // touched by the calling shard alone; the target only carries the pointer
        std::optional<R> value;
        fiber::Waiter* waiter = nullptr;
    };
    CallMark::check_not_inside();
    auto reply = std::make_shared<Reply>();
    fiber::Waiter waiter;
    reply->waiter = &waiter;
    struct Abandon {
        Reply* r;
        ~Abandon() { r->waiter = nullptr; }
    } abandon{reply.get()};
    const ShardId home = self();
    FL_CHECK(post(to, [fn = std::move(fn), reply, home](Env& env) mutable {
        std::optional<R> value;
        {
            CallMark mark;
            value.emplace(fn(env));
        }
        answer_call(env, home, [reply = std::move(reply), value = std::move(value)](Env&) mutable {
            reply->value = std::move(value);
            if (reply->waiter != nullptr) reply->waiter->wake();
        });
    }));
    switch (waiter.park(deadline)) {
        case fiber::Wake::signalled: return *std::move(reply->value);
        case fiber::Wake::timed_out: return Error{Errc::timed_out, 0, "shards.call"};
        case fiber::Wake::cancelled: break;
    }
    return Error{Errc::cancelled, 0, "shards.call"};
}
}  // namespace faultline
