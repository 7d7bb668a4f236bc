import { useEffect, useRef } from "react";

/** Keep the end of the page in view while its content grows, unless the reader has scrolled up. */
export function useFollowedEnd(content: unknown): void {
  const isFollowing = useRef(true);
  useEffect(() => {
    const onScroll = () => {
      isFollowing.current = document.documentElement.scrollHeight - innerHeight - scrollY < 100;
    };
    addEventListener("scroll", onScroll);
    return () => removeEventListener("scroll", onScroll);
  }, []);
  useEffect(() => {
    if (isFollowing.current) scrollTo({ top: document.documentElement.scrollHeight });
  }, [content]);
}
