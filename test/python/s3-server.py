"""S3 as moto plays it, with signatures and permissions checked as botocore computes them.

Prints where it is and with which key it is reached, as one line of JSON. After that each line that comes in
damages an object ({"key": ..., "how": "flip" | "remove"}) and is answered by an empty line. Ends with its input.
"""

import json
import os
import sys

# The first requests need no permission: those below that make a user who has some.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

REGION = "eu-central-1"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload",
                                       "s3:ListMultipartUploadParts", "s3:DeleteObject"],
         "Resource": "arn:aws:s3:::bucket/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bucket"},
    ],
}

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
endpoint = "http://%s:%d" % server.get_host_and_port()
anyone = {"endpoint_url": endpoint, "region_name": REGION, "aws_access_key_id": "a", "aws_secret_access_key": "a"}
iam = boto3.client("iam", **anyone)
iam.create_user(UserName="user")
key = iam.create_access_key(UserName="user")["AccessKey"]
iam.put_user_policy(UserName="user", PolicyName="cache", PolicyDocument=json.dumps(POLICY))
boto3.client("s3", **anyone).create_bucket(
    Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
)
user = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
s3 = boto3.client("s3", **{**anyone, **user})
print(json.dumps({"endpoint": endpoint, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    where = {"Bucket": "bucket", "Key": order["key"]}
    body = bytearray(s3.get_object(**where)["Body"].read())
    s3.delete_object(**where)
    if order["how"] == "flip":
        body[0] ^= 1
        s3.put_object(**where, Body=bytes(body))
    print(flush=True)
os._exit(0)
