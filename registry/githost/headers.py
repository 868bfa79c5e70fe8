"""What each call to a Git host carries."""

from __future__ import annotations


def github_headers(token: str) -> dict[str, str]:
    """GitHub's, with a token of whatever kind."""
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "Assay",
    }


def gitlab_headers(token: str) -> dict[str, str]:
    """GitLab's."""
    return {"PRIVATE-TOKEN": token, "User-Agent": "Assay"}
