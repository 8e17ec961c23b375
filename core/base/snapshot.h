// A shared immutable value with a version. Built once, swapped per shard between fibers.
#pragma once
#include <cstdint>
#include <memory>
#include <utility>

namespace faultline {
template <class T>
class Snapshot {
public:
    Snapshot() : value_(std::make_shared<const T>()) {}
    Snapshot(T value, std::uint64_t version)
        : value_(std::make_shared<const T>(std::move(value))), version_(version) {}
    const T& operator*() const noexcept { return *value_; }
    const T* operator->() const noexcept { return value_.get(); }
    std::uint64_t version() const noexcept { return version_; }

private:
    std::shared_ptr<const T> value_;
    std::uint64_t version_ = 0;
};
}  // namespace faultline
