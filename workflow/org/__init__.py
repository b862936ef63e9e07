"""Units, dated parents, posts and tenures: who may act as what, on that day. Pure values; the store keeps them."""
