// Containers whose copies share what is equal in them: a copy costs one reference, and whoever
// changes one afterwards copies a few small blocks. For values that are changed a little, handed
// out, and changed again. What is handed out may be read, and dropped, by other threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

namespace faultline {

// A value that is copied when somebody writes to it while others hold it too.
template <class T>
class Shared {
public:
    Shared() : node_(new Node{}) {}
    explicit Shared(T value) : node_(new Node{{1}, std::move(value)}) {}
    Shared(const Shared& o) noexcept : node_(o.node_) {
        node_->holders.fetch_add(1, std::memory_order_relaxed);
    }
    Shared(Shared&& o) noexcept : node_(std::exchange(o.node_, nullptr)) {}
    Shared& operator=(Shared o) noexcept {
        std::swap(node_, o.node_);
        return *this;
    }
    ~Shared() {
        if (node_ != nullptr && node_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete node_;
    }
    const T& operator*() const noexcept { return node_->value; }
    const T* operator->() const noexcept { return &node_->value; }
    const T* get() const noexcept { return &node_->value; }
    T& write() {
        if (node_->holders.load(std::memory_order_acquire) != 1) *this = Shared(node_->value);
        return node_->value;
    }
    // Whether both hold one and the same value.
    friend bool same(const Shared& a, const Shared& b) noexcept { return a.node_ == b.node_; }

private:
    struct Node {
        std::atomic<std::uint32_t> holders{1};
        T value{};
    };
    Node* node_;  // null after a move
};

// Read as a std::vector. A write copies a block of kBlock elements and the list of blocks.
template <class T, std::size_t kBlock = 16>
class SharedVector {
public:
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const T& operator[](std::size_t i) const { return (*(*blocks_)[i / kBlock])[i % kBlock]; }
    const T& front() const { return (*this)[0]; }
    T& write(std::size_t i) { return blocks_.write()[i / kBlock].write()[i % kBlock]; }
    T& emplace_back() {
        grow(size_ + 1);
        return write(size_ - 1);
    }
    void insert(std::size_t at, T value) requires(kBlock == 1) {
        std::vector<T> block;
        block.push_back(std::move(value));
        auto& blocks = blocks_.write();
        blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(at),
                      Shared<std::vector<T>>(std::move(block)));
        ++size_;
    }
    void erase(std::size_t at) requires(kBlock == 1) {
        auto& blocks = blocks_.write();
        blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(at));
        --size_;
    }
    // To at least `size` elements.
    void grow(std::size_t size) {
        auto& blocks = blocks_.write();
        for (; size_ < size; ++size_) {
            if (size_ % kBlock == 0) blocks.emplace_back();
            blocks.back().write().emplace_back();
        }
    }

    class const_iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = const T*;
        using reference = const T&;
        const_iterator() = default;
        const_iterator(const SharedVector* of, std::size_t at) : of_(of), at_(at) {}
        reference operator*() const { return (*of_)[at_]; }
        pointer operator->() const { return &(*of_)[at_]; }
        const_iterator& operator++() {
            ++at_;
            return *this;
        }
        const_iterator operator++(int) { return {of_, at_++}; }
        friend bool operator==(const const_iterator&, const const_iterator&) = default;

    private:
        const SharedVector* of_ = nullptr;
        std::size_t at_ = 0;
    };
    const_iterator begin() const { return {this, 0}; }
    const_iterator end() const { return {this, size_}; }
    friend bool operator==(const SharedVector& a, const SharedVector& b) {
        return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
    }

private:
    Shared<std::vector<Shared<std::vector<T>>>> blocks_;
    std::size_t size_ = 0;
};

// Read as a std::map, in order of the keys. A write copies a block of at most kMost entries and the
// list of blocks.
template <class K, class V, class Less = std::less<>>
class SharedMap {
public:
    using value_type = std::pair<K, V>;
    static constexpr std::size_t kMost = 64;

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

    // Null when there is none.
    template <class Key>
    const V* get(const Key& key) const {
        if (empty()) return nullptr;
        const Block& block = *(*blocks_)[block_of(key)];
        const auto it = place(block, key);
        return it == block.end() || Less{}(key, it->first) ? nullptr : &it->second;
    }
    template <class Key>
    bool contains(const Key& key) const {
        return get(key) != nullptr;
    }
    // To be changed; null when there is none.
    template <class Key>
    V* write(const Key& key) {
        if (get(key) == nullptr) return nullptr;
        Block& block = blocks_.write()[block_of(key)].write();
        return &place(block, key)->second;
    }
    void set(const K& key, V value) {
        if (V* known = write(key)) {
            *known = std::move(value);
            return;
        }
        auto& blocks = blocks_.write();
        if (blocks.empty()) blocks.emplace_back();
        const std::size_t at = size_ == 0 ? 0 : block_of(key);
        Block& block = blocks[at].write();
        block.insert(place(block, key), {key, std::move(value)});
        ++size_;
        if (block.size() > kMost) split(blocks, at);
    }
    template <class Key>
    bool erase(const Key& key) {
        if (get(key) == nullptr) return false;
        auto& blocks = blocks_.write();
        const std::size_t at = block_of(key);
        Block& block = blocks[at].write();
        block.erase(place(block, key));
        --size_;
        const auto here = blocks.begin() + static_cast<std::ptrdiff_t>(at);
        if (block.empty()) {
            blocks.erase(here);
        } else if (at + 1 < blocks.size() && block.size() + blocks[at + 1]->size() <= kMost / 2) {
            const Block& next = *blocks[at + 1];
            block.insert(block.end(), next.begin(), next.end());
            blocks.erase(here + 1);
        }
        return true;
    }

    class const_iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = SharedMap::value_type;
        using difference_type = std::ptrdiff_t;
        using pointer = const value_type*;
        using reference = const value_type&;
        const_iterator() = default;
        const_iterator(const SharedMap* of, std::size_t block) : of_(of), block_(block) {}
        reference operator*() const { return (*(*of_->blocks_)[block_])[at_]; }
        pointer operator->() const { return &**this; }
        const_iterator& operator++() {
            if (++at_ == (*of_->blocks_)[block_]->size()) {
                at_ = 0;
                ++block_;
            }
            return *this;
        }
        const_iterator operator++(int) {
            const_iterator before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const const_iterator&, const const_iterator&) = default;

    private:
        const SharedMap* of_ = nullptr;
        std::size_t block_ = 0, at_ = 0;
    };
    const_iterator begin() const { return {this, 0}; }
    const_iterator end() const { return {this, empty() ? 0 : blocks_->size()}; }

private:
    using Block = std::vector<value_type>;  // in order, never empty but in an empty map
    using Blocks = std::vector<Shared<Block>>;

    template <class B, class Key>
    static auto place(B& block, const Key& key) {
        return std::lower_bound(block.begin(), block.end(), key,
                                [](const auto& e, const Key& k) { return Less{}(e.first, k); });
    }
    // Where the key stands or would stand.
    template <class Key>
    std::size_t block_of(const Key& key) const {
        const Blocks& blocks = *blocks_;
        const auto after = std::upper_bound(
            blocks.begin(), blocks.end(), key,
            [](const Key& k, const Shared<Block>& b) { return Less{}(k, b->front().first); });
        return after == blocks.begin() ? 0 : static_cast<std::size_t>(after - blocks.begin() - 1);
    }
    static void split(Blocks& blocks, std::size_t at) {
        Block& lower = blocks[at].write();
        const auto middle = lower.begin() + static_cast<std::ptrdiff_t>(lower.size() / 2);
        Block upper(std::make_move_iterator(middle), std::make_move_iterator(lower.end()));
        lower.erase(middle, lower.end());
        lower.shrink_to_fit();
        blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                      Shared<Block>(std::move(upper)));
    }

    Shared<Blocks> blocks_;
    std::size_t size_ = 0;
};
}  // namespace faultline
