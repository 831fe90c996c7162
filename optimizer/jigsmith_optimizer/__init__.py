"""Learns functions for a black-box LLM agent (arXiv:2402.11359); knows the runtime by RPC only."""
