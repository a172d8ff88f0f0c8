"""Lists a bucket every so many seconds until SIGTERM; prints ok, or the error, of each call.

Each call takes new credentials, as if the session before had just ended.
"""

import signal
import sys
import time

import boto3
from botocore.config import Config
from botocore.credentials import CachedCredentialFetcher, RefreshableCredentials

LONGEST_SESSION = 12 * 3600
RefreshableCredentials._advisory_refresh_timeout = LONGEST_SESSION
RefreshableCredentials._mandatory_refresh_timeout = LONGEST_SESSION
CachedCredentialFetcher.DEFAULT_EXPIRY_WINDOW_SECONDS = LONGEST_SESSION

bucket, seconds = sys.argv[1], float(sys.argv[2])
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
due = time.monotonic()
while not ended:
    try:
        s3.list_objects_v2(Bucket=bucket)
        print("ok", flush=True)
    except Exception as error:  # noqa: BLE001 - each is a failed call
        print(f"{type(error).__name__}: {error}", flush=True)
    due += seconds
    time.sleep(max(0.0, due - time.monotonic()))
