"""The published prices of providers, each list with its source and date. Only data: docs/reference/prices.md.

US dollars per million tokens, standard processing. Columns: input, cached input, output; then cache writes, those kept
for an hour, and the prices of long prompts. Without a price for cached input, a list means that of input.

To update a list, replace its rows by those of the source, and its date. A model is in one list of its vendor only.
Leave out what the source does not say, and offers that end on a date: an unknown price is better than a wrong one.
"""

from typing import Final

from gateway.billing.prices import LongPrompt, Price, PriceList, flat

PRICE_LISTS: Final = (
    # --- OpenAI ---------------------------------------------------------------------------------------------------
    PriceList(
        "openai",
        "OpenAI API, model pages (developers.openai.com/api/docs/models)",
        "2026-11-29",
        {
            "gpt-6.2-sol": Price(2.00, 0.10, 10.00, 2.50, long=LongPrompt(272_000, Price(4.00, 0.20, 15.00, 5.00))),
            "gpt-6-sol": Price(2.00, 0.20, 10.00, 2.50, long=LongPrompt(272_000, Price(4.00, 0.40, 15.00, 5.00))),
            "gpt-6-luna": Price(0.10, 0.01, 0.50, 0.125, long=LongPrompt(272_000, Price(0.20, 0.02, 0.75, 0.25))),
            "gpt-5.6-terra": Price(2.00, 0.20, 12.00, 2.50, long=LongPrompt(272_000, Price(4.00, 0.40, 18.00, 5.00))),
            "gpt-5.6-luna": Price(0.20, 0.02, 1.20, 0.25, long=LongPrompt(272_000, Price(0.40, 0.04, 1.80, 0.50))),
            "gpt-4-turbo-preview": Price(10.00, 10.00, 30.00),
            "gpt-4": Price(30.00, 30.00, 60.00),
        },
    ),
    PriceList(
        "openai",
        "OpenAI API, Pricing, Standard (developers.openai.com/api/docs/pricing)",
        "2026-05-04",
        {
            "gpt-5.5": Price(5.00, 0.50, 30.00, long=LongPrompt(272_000, Price(10.00, 1.00, 45.00))),
            "gpt-5.4": Price(2.50, 0.25, 15.00, long=LongPrompt(272_000, Price(5.00, 0.50, 22.50))),
            "gpt-5.4-mini": Price(0.75, 0.075, 4.50),
            "gpt-5.4-nano": Price(0.20, 0.02, 1.25),
        },
    ),
    PriceList(
        "openai",
        "OpenAI Platform, Pricing, Text tokens, Standard (platform.openai.com/docs/pricing)",
        "2026-02-07",
        {
            "gpt-5.2": Price(1.75, 0.175, 14.00),
            "gpt-5.2-chat-latest": Price(1.75, 0.175, 14.00),
            "gpt-5.2-codex": Price(1.75, 0.175, 14.00),
            "gpt-5.2-pro": Price(21.00, 21.00, 168.00),
            "gpt-5.1": Price(1.25, 0.125, 10.00),
            "gpt-5.1-chat-latest": Price(1.25, 0.125, 10.00),
            "gpt-5.1-codex": Price(1.25, 0.125, 10.00),
            "gpt-5.1-codex-max": Price(1.25, 0.125, 10.00),
            "gpt-5.1-codex-mini": Price(0.25, 0.025, 2.00),
            "gpt-5": Price(1.25, 0.125, 10.00),
            "gpt-5-chat-latest": Price(1.25, 0.125, 10.00),
            "gpt-5-codex": Price(1.25, 0.125, 10.00),
            "gpt-5-mini": Price(0.25, 0.025, 2.00),
            "gpt-5-nano": Price(0.05, 0.005, 0.40),
            "gpt-5-pro": Price(15.00, 15.00, 120.00),
            "gpt-4.1": Price(2.00, 0.50, 8.00),
            "gpt-4.1-mini": Price(0.40, 0.10, 1.60),
            "gpt-4.1-nano": Price(0.10, 0.025, 0.40),
            "gpt-4o": Price(2.50, 1.25, 10.00),
            "gpt-4o-2024-05-13": Price(5.00, 5.00, 15.00),
            "gpt-4o-mini": Price(0.15, 0.075, 0.60),
            "o1": Price(15.00, 7.50, 60.00),
            "o1-pro": Price(150.00, 150.00, 600.00),
            "o1-mini": Price(1.10, 0.55, 4.40),
            "o3": Price(2.00, 0.50, 8.00),
            "o3-pro": Price(20.00, 20.00, 80.00),
            "o3-mini": Price(1.10, 0.55, 4.40),
            "o3-deep-research": Price(10.00, 2.50, 40.00),
            "o4-mini": Price(1.10, 0.275, 4.40),
            "o4-mini-deep-research": Price(2.00, 0.50, 8.00),
            "codex-mini-latest": Price(1.50, 0.375, 6.00),
            "computer-use-preview": Price(3.00, 3.00, 12.00),
        },
    ),
    # --- Anthropic ------------------------------------------------------------------------------------------------
    PriceList(
        "anthropic",
        "Claude Docs, Pricing, Model pricing (platform.claude.com/docs/en/about-claude/pricing)",
        "2026-10-24",
        {
            "claude-fable-5-1": Price(10.00, 0.25, 50.00, 12.50, 20.00),
            "claude-fable-5": Price(10.00, 1.00, 50.00, 12.50, 20.00),
            "claude-mythos-5-1": Price(10.00, 0.25, 50.00, 12.50, 20.00),
            "claude-mythos-5": Price(10.00, 1.00, 50.00, 12.50, 20.00),
            "claude-opus-5-5": Price(4.00, 0.20, 20.00, 5.00, 8.00),
            "claude-opus-5": Price(5.00, 0.50, 25.00, 6.25, 10.00),
            "claude-opus-4-8": Price(5.00, 0.50, 25.00, 6.25, 10.00),
            "claude-opus-4-7": Price(5.00, 0.50, 25.00, 6.25, 10.00),
            "claude-opus-4-6": Price(5.00, 0.50, 25.00, 6.25, 10.00),
            "claude-opus-4-5": Price(5.00, 0.50, 25.00, 6.25, 10.00),
            "claude-opus-4-1": Price(15.00, 1.50, 75.00, 18.75, 30.00),
            "claude-opus-4-0": Price(15.00, 1.50, 75.00, 18.75, 30.00),
            "claude-opus-4": Price(15.00, 1.50, 75.00, 18.75, 30.00),
            "claude-sonnet-5-5": Price(2.00, 0.10, 10.00, 2.50, 4.00),
            "claude-sonnet-5": Price(2.00, 0.20, 10.00, 2.50, 4.00),
            "claude-sonnet-4-6": Price(3.00, 0.30, 15.00, 3.75, 6.00),
            "claude-sonnet-4-5": Price(3.00, 0.30, 15.00, 3.75, 6.00),
            "claude-sonnet-4-0": Price(3.00, 0.30, 15.00, 3.75, 6.00),
            "claude-sonnet-4": Price(3.00, 0.30, 15.00, 3.75, 6.00),
            "claude-haiku-5-5": Price(
                0.10, 0.01, 0.50, 0.125, 0.20, LongPrompt(100_000, Price(0.50, 0.05, 2.50, 0.625, 1.00))
            ),
            "claude-haiku-4-5": Price(1.00, 0.10, 5.00, 1.25, 2.00),
            "claude-3-5-haiku": Price(0.80, 0.08, 4.00, 1.00, 1.60),
        },
    ),
    # --- Google ---------------------------------------------------------------------------------------------------
    PriceList(
        "gemini",
        "Gemini Developer API pricing, Paid tier (ai.google.dev/gemini-api/docs/pricing)",
        "2026-07-04",
        {"gemini-3-flash-preview": Price(0.50, 0.05, 3.00)},
        note="input of text, images and video; audio costs more",
    ),
    PriceList(
        "gemini",
        "Gemini Developer API pricing, Paid tier (ai.google.dev/gemini-api/docs/pricing)",
        "2026-03-22",
        {
            "gemini-3.1-pro-preview": Price(2.00, 0.20, 12.00, long=LongPrompt(200_000, Price(4.00, 0.40, 18.00))),
            "gemini-3.1-flash-lite-preview": Price(0.25, 0.025, 1.50),
            "gemini-2.5-pro": Price(1.25, 0.125, 10.00, long=LongPrompt(200_000, Price(2.50, 0.25, 15.00))),
            "gemini-2.5-flash": Price(0.30, 0.03, 2.50),
            "gemini-2.5-flash-lite": Price(0.10, 0.01, 0.40),
        },
        note="input of text, images and video; audio costs more",
    ),
    # --- DeepSeek -------------------------------------------------------------------------------------------------
    PriceList(
        "deepseek",
        "DeepSeek API Docs, Models & Pricing (api-docs.deepseek.com/quick_start/pricing)",
        "2026-10-27",
        {
            "deepseek-flash": Price(0.30, 0.006, 1.20),
            # The former name, which is charged as deepseek-flash.
            "deepseek-v4-flash": Price(0.30, 0.006, 1.20),
            "deepseek-v4-pro": Price(1.32, 0.044, 3.96),
        },
        note="peak hours; half of it at other hours",
    ),
    # --- Invented -------------------------------------------------------------------------------------------------
    PriceList(
        "simulator",
        "the comparison that this project started from, one figure for all tokens of a model",
        "2026-11-22",
        {
            "sim": flat(8.00),
            "sim-instant": flat(8.00),
            "sim-gpt-4.1": flat(8.00),
            "sim-gpt-4o": flat(15.00),
            "sim-claude-3.5-sonnet": flat(15.00),
            "sim-gemini-1.5-flash": flat(2.50),
        },
    ),
)
"""Newest first. The last list has the example prices of `dualstream bench providers`: no provider charges them."""
