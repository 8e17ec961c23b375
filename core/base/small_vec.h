// A vector whose first N elements need no allocation. Only what the data path uses.
#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace faultline {

template <class T, std::size_t N>
class SmallVec {
public:
    SmallVec() noexcept : data_(inline_data()) {}
    SmallVec(const SmallVec& o) : SmallVec() {
        reserve(o.size_);
        std::uninitialized_copy(o.begin(), o.end(), data_);
        size_ = o.size_;
    }
    SmallVec(SmallVec&& o) noexcept : SmallVec() { steal(o); }
    SmallVec& operator=(const SmallVec& o) {
        if (this != &o) {
            SmallVec copy(o);
            clear_storage();
            steal(copy);
        }
        return *this;
    }
    SmallVec& operator=(SmallVec&& o) noexcept {
        if (this != &o) {
            clear_storage();
            steal(o);
        }
        return *this;
    }
    ~SmallVec() { clear_storage(); }

    template <class... Args>
    T& emplace_back(Args&&... args) {
        if (size_ == capacity_) {
            T value(std::forward<Args>(args)...);  // args may point into this vector
            reserve(capacity_ * 2);
            return *::new (data_ + size_++) T(std::move(value));
        }
        return *::new (data_ + size_++) T(std::forward<Args>(args)...);
    }
    void push_back(T value) { emplace_back(std::move(value)); }
    void pop_back() { std::destroy_at(data_ + --size_); }
    void erase_front(std::size_t n) {
        for (std::size_t i = n; i < size_; ++i) data_[i - n] = std::move(data_[i]);
        while (n-- > 0) pop_back();
    }
    void clear() noexcept {
        std::destroy_n(data_, size_);
        size_ = 0;
    }
    void reserve(std::size_t n) {
        if (n <= capacity_) return;
        T* fresh = static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{alignof(T)}));
        std::uninitialized_move_n(data_, size_, fresh);
        std::destroy_n(data_, size_);
        free_heap();
        data_ = fresh;
        capacity_ = n;
    }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    T* data() noexcept { return data_; }
    const T* data() const noexcept { return data_; }
    T* begin() noexcept { return data_; }
    T* end() noexcept { return data_ + size_; }
    const T* begin() const noexcept { return data_; }
    const T* end() const noexcept { return data_ + size_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    T& back() { return data_[size_ - 1]; }
    const T& back() const { return data_[size_ - 1]; }
    T& front() { return data_[0]; }

private:
    T* inline_data() noexcept { return reinterpret_cast<T*>(room_); }
    bool on_heap() const noexcept { return data_ != reinterpret_cast<const T*>(room_); }
    void free_heap() noexcept {
        if (on_heap()) ::operator delete (data_, std::align_val_t{alignof(T)});
    }
    void clear_storage() noexcept {
        clear();
        free_heap();
        data_ = inline_data();
        capacity_ = N;
    }
    // Requires *this to be empty and inline.
    void steal(SmallVec& o) noexcept {
        if (o.on_heap()) {
            data_ = o.data_;
            capacity_ = o.capacity_;
            size_ = o.size_;
            o.data_ = o.inline_data();
            o.capacity_ = N;
            o.size_ = 0;
            return;
        }
        std::uninitialized_move_n(o.data_, o.size_, data_);
        size_ = o.size_;
        o.clear();
    }

    T* data_;
    std::size_t size_ = 0, capacity_ = N;
    alignas(T) std::byte room_[N * sizeof(T)];
};
}  // namespace faultline
