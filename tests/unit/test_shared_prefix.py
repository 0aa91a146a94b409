"""Shared prefixes and many masks in one pass against one plain forward per question and mask."""
