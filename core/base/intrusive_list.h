// A doubly linked list through hooks inside the elements: no allocation, O(1) removal by element.
#pragma once
#include <cstddef>

#include "core/base/assert.h"

namespace faultline {

// A member or base of an element. Leaves its list when it is destroyed.
class ListHook {
public:
    ListHook() noexcept : prev_(this), next_(this) {}
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    ~ListHook() { unlink(); }
    bool linked() const noexcept { return next_ != this; }
    void unlink() noexcept {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = this;
    }

private:
    template <class T, class Tag>
    friend class IntrusiveList;
    ListHook* prev_;
    ListHook* next_;
};

// T derives from TaggedHook<Tag> for each list it can be in.
template <class Tag>
class TaggedHook : public ListHook {};

// Owns nothing. Elements must outlive their membership or unlink themselves by dying.
template <class T, class Tag>
class IntrusiveList {
public:
    IntrusiveList() = default;
    ~IntrusiveList() {
        while (!empty()) head_.next_->unlink();
    }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;

    bool empty() const noexcept { return !head_.linked(); }
    void push_back(T& element) noexcept {
        ListHook& h = static_cast<TaggedHook<Tag>&>(element);
        FL_ASSERT(!h.linked());
        h.prev_ = head_.prev_;
        h.next_ = &head_;
        head_.prev_->next_ = &h;
        head_.prev_ = &h;
    }
    T& front() noexcept { return from(head_.next_); }
    T& back() noexcept { return from(head_.prev_); }
    T& pop_front() noexcept {
        T& element = front();
        static_cast<TaggedHook<Tag>&>(element).unlink();
        return element;
    }
    // `fn(T&)` may unlink the element it is given, and no other.
    template <class Fn>
    void for_each(Fn fn) {
        for (ListHook* h = head_.next_; h != &head_;) {
            ListHook* next = h->next_;
            fn(from(h));
            h = next;
        }
    }

private:
    static T& from(ListHook* h) noexcept {
        return static_cast<T&>(static_cast<TaggedHook<Tag>&>(*h));
    }
    ListHook head_;
};
}  // namespace faultline
